using System.Text;
using Doppel.Cli.Syntax;
using Doppel.Images;

namespace Doppel.UnitTests.Cli;

/// <summary>Shared folders as they are typed, checked, and told to the guest.</summary>
public sealed class ShareSyntaxTests
{
    [Theory]
    [InlineData("/srv/x:/mnt", "/srv/x", "/mnt", false)]
    [InlineData("/srv/x:/mnt,ro", "/srv/x", "/mnt", true)]
    [InlineData("/srv/x:/mnt/a b,rw", "/srv/x", "/mnt/a b", false)]
    [InlineData("/srv/a:b:/mnt", "/srv/a:b", "/mnt", false)]
    [InlineData("/srv/x:/mnt:ro", "/srv/x", "/mnt", true)]
    [InlineData("/srv/x:/mnt:rw", "/srv/x", "/mnt", false)]
    [InlineData("/srv/x:/mnt:ro,Z", "/srv/x", "/mnt", true)]
    [InlineData("/srv/x:/mnt:z", "/srv/x", "/mnt", false)]
    [InlineData("/srv/../x:/mnt/x,y", "/x", "/mnt/x,y", false)]
    public void Share_WhatPeopleType_IsUnderstood(string text, string host, string guest, bool isReadOnly)
    {
        SharedFolder share = ShareSyntax.TryParse(text, out _)!;
        Assert.Equal((host, guest, isReadOnly), (share.HostPath, share.GuestPath, share.IsReadOnly));
    }

    [Theory]
    [InlineData("project", "write --share project:/mnt", "where is it to appear")]
    [InlineData("project:", "Write --share project:/mnt", "where is it to appear")]
    [InlineData(":/mnt", "write --share .:/mnt", "the folder of the host is missing")]
    [InlineData("project:ro", "write --share project:/ro", "no absolute path")]
    [InlineData("project:mnt", "write --share project:/mnt", "no absolute path")]
    public void Share_Nonsense_IsRefusedAndSaysWhatToType(string text, string remedy, string cause)
    {
        Assert.Null(ShareSyntax.TryParse(text, out string problem));
        Assert.Contains(remedy, problem, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(cause, problem, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("/", "the guest's own root")]
    [InlineData("/proc/x", "belongs to the guest's kernel")]
    [InlineData("/dev", "belongs to the guest's kernel")]
    [InlineData("/mnt/../etc", "without . and ..")]
    [InlineData("mnt", "no absolute path")]
    public void Validate_AFolderOfTheGuestThatCanNotBe_SaysSo(string guest, string cause) => Assert.Contains(cause, Problems(Share("/srv", guest)), StringComparison.Ordinal);

    [Fact]
    public void Validate_TwoSharesInOnePlace_SaysSo()
    {
        Assert.Contains("is there already", Problems(Share("/a", "/mnt"), Share("/b", "/mnt/")), StringComparison.Ordinal);
        Assert.Contains("tags are unique", Problems(Share("/a", "/x") with { Tag = "share1" }, Share("/b", "/y")), StringComparison.Ordinal);
        Assert.Contains("a tag has 1 to 31 bytes", Problems(Share("/a", "/x") with { Tag = new string('t', 32) }), StringComparison.Ordinal);
        Assert.Equal("", Problems(Share("/a", "/mnt/a"), Share("/b", "/mnt/b")));
    }

    [Fact]
    public void Validate_TooManyShares_SaysHowMany() =>
        Assert.Contains("give at most 23", Problems([.. Enumerable.Range(0, 24).Select(static i => Share("/srv", $"/mnt/{i}"))]), StringComparison.Ordinal);

    [Fact]
    public void GuestShares_WithAnyPath_AreReadByAShell()
    {
        byte[] file = GuestShare.ToFile([new GuestShare("share0", "/mnt/it's a $HOME", false), new GuestShare("share1", "/srv/x", true)]);
        Assert.Equal("share 'share0' rw '/mnt/it'\\''s a $HOME'\nshare 'share1' ro '/srv/x'\n", Encoding.UTF8.GetString(file));
    }

    [Fact]
    public void GuestShares_InsideOneAnother_AreMountedFromTheOutside()
    {
        GuestShare[] shares = [new("share0", "/mnt/a/b/", false), new("share1", "//mnt", false), new("share2", "/mnt/c", true)];
        Assert.Equal("share 'share1' rw '//mnt'\nshare 'share2' ro '/mnt/c'\nshare 'share0' rw '/mnt/a/b/'\n", Encoding.UTF8.GetString(GuestShare.ToFile(shares)));
    }

    private static SharedFolder Share(string host, string guest) => new() { HostPath = host, GuestPath = guest };

    private static string Problems(params SharedFolder[] shares) =>
        string.Join('\n', VirtualMachineConfigValidator.Validate(new VirtualMachineConfig { KernelPath = "Image", Shares = shares }));
}
