using System.Text;
using Doppel.Cli.Running;

namespace Doppel.UnitTests.Cli;

public sealed class EscapeKeyTests
{
    [Theory]
    [InlineData("ls\r", "ls\r", EscapeAction.None)]
    [InlineData("\u0003", "\u0003", EscapeAction.None)]
    [InlineData("a\u0001x", "a", EscapeAction.Quit)]
    [InlineData("\u0001Xlost", "", EscapeAction.Quit)]
    [InlineData("\u0001hb", "b", EscapeAction.Help)]
    [InlineData("\u0001\u0001", "\u0001", EscapeAction.None)]
    [InlineData("\u0001ab", "\u0001b", EscapeAction.None)]
    [InlineData("\u0001?", "", EscapeAction.Help)]
    [InlineData("x\u0001\u0001x", "x\u0001x", EscapeAction.None)]
    public void Feed_WhatIsTyped_GoesToTheGuestOrToDoppel(string typed, string guest, object expected)
    {
        List<byte> output = [];
        Assert.Equal(expected, (object)new EscapeKeys().Feed(Encoding.Latin1.GetBytes(typed), output));
        Assert.Equal(guest, Encoding.Latin1.GetString([.. output]));
    }

    [Fact]
    public void Feed_EscapeSplitAcrossReads_IsRemembered()
    {
        EscapeKeys keys = new();
        List<byte> output = [];
        Assert.Equal(EscapeAction.None, keys.Feed([1], output));
        Assert.Equal(EscapeAction.Quit, keys.Feed("x"u8, output));
        Assert.Empty(output);
    }
}
