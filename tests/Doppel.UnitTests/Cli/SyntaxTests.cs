using Doppel.Cli.Syntax;

namespace Doppel.UnitTests.Cli;

public sealed class SyntaxTests
{
    [Theory]
    [InlineData("512M", 512UL << 20)]
    [InlineData("512", 512UL << 20)]
    [InlineData("2g", 2UL << 30)]
    [InlineData("1.5GiB", 3UL << 29)]
    [InlineData("65536K", 64UL << 20)]
    [InlineData("33554432B", 32UL << 20)]
    public void MemorySize_WhatPeopleType_IsUnderstood(string text, ulong bytes)
    {
        Assert.True(MemorySize.TryParse(text, out ulong parsed));
        Assert.Equal(bytes, parsed);
    }

    [Theory]
    [InlineData("")]
    [InlineData("M")]
    [InlineData("-1G")]
    [InlineData("0")]
    [InlineData("1,5G")]
    [InlineData("12Q")]
    [InlineData("0.3K")]
    [InlineData("99999999999T")]
    public void MemorySize_Nonsense_IsRefused(string text) => Assert.False(MemorySize.TryParse(text, out _));

    [Theory]
    [InlineData("150%", 1.5)]
    [InlineData("1.5", 1.5)]
    [InlineData("2", 2)]
    [InlineData("1%", 0.01)]
    public void CpuLimit_WhatPeopleType_IsUnderstood(string text, double processors)
    {
        Assert.True(CpuSyntax.TryParseLimit(text, out double parsed));
        Assert.Equal(processors, parsed, precision: 9);
    }

    [Theory]
    [InlineData("")]
    [InlineData("%")]
    [InlineData("0")]
    [InlineData("0.1%")]
    [InlineData("-1")]
    [InlineData("NaN")]
    [InlineData("1e9")]
    [InlineData("99999999")]
    public void CpuLimit_Nonsense_IsRefused(string text) => Assert.False(CpuSyntax.TryParseLimit(text, out _));

    [Theory]
    [InlineData("0", "0")]
    [InlineData("0-1,3", "0 1 3")]
    [InlineData("3,1-2,2", "1 2 3")]
    public void CpuList_WhatPeopleType_IsUnderstood(string text, string numbers) =>
        Assert.Equal(numbers, string.Join(' ', CpuSyntax.TryParseList(text)!));

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("1-")]
    [InlineData("2-1")]
    [InlineData("0-1-2")]
    [InlineData("1,,2")]
    [InlineData("all")]
    [InlineData("0-99999")]
    public void CpuList_Nonsense_IsRefused(string text) => Assert.Null(CpuSyntax.TryParseList(text));

    [Theory]
    [InlineData("90", 90)]
    [InlineData("1.5", 1.5)]
    [InlineData("10s", 10)]
    [InlineData("2m", 120)]
    [InlineData("1h", 3600)]
    public void Duration_WhatPeopleType_IsUnderstood(string text, double seconds)
    {
        Assert.True(Duration.TryParse(text, out TimeSpan parsed));
        Assert.Equal(seconds, parsed.TotalSeconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("0")]
    [InlineData("-5")]
    [InlineData("soon")]
    [InlineData("1e99")]
    public void Duration_Nonsense_IsRefused(string text) => Assert.False(Duration.TryParse(text, out _));

    [Fact]
    public void TrailingCommand_SecondDoubleDash_BelongsToTheGuest()
    {
        TrailingCommand words = TrailingCommand.Split(["run", "--stats", "--", "sh", "-c", "--", "--help"]);
        Assert.Equal(["run", "--stats"], words.Own);
        Assert.Equal(["sh", "-c", "--", "--help"], words.Guest!);
    }

    [Fact]
    public void TrailingCommand_NoDoubleDash_HasNoGuest() => Assert.Null(TrailingCommand.Split(["run"]).Guest);
}
