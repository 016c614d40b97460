using Doppel.Images;
using Doppel.Images.Roots;

namespace Doppel.UnitTests.Images;

/// <summary>What a COPY line takes from the host, as tar sees it.</summary>
public sealed class HostTreeArchiveTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public HostTreeArchiveTests()
    {
        Directory.CreateDirectory(_folder["app/sub"]);
        _folder.Write("app/run", "#!/bin/sh\n");
        File.SetUnixFileMode(_folder["app/run"], (UnixFileMode)0x1ED);
        _folder.Write("app/sub/ä b", "text");
        File.CreateSymbolicLink(_folder["app/away"], "/etc/passwd");
        File.CreateSymbolicLink(_folder["app/sub/up"], "..");
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("/srv/app", "srv/app srv/app/away srv/app/run srv/app/sub srv/app/sub/up srv/app/sub/ä b")]
    [InlineData("/", "away run sub sub/up sub/ä b")]
    public async Task Pack_OfAFolder_TakesItsContentAndFollowsNoLink(string destination, string paths)
    {
        await PackAsync("out.tar", destination, "app");

        Assert.Equal(paths, string.Join(' ', Tool.Run("tar", "--quoting-style=literal", "-tf", _folder["out.tar"]).Split('\n', StringSplitOptions.RemoveEmptyEntries)));
    }

    [Fact]
    public async Task Pack_OfFiles_KeepsPermissionsAndGivesThemToRoot()
    {
        await PackAsync("out.tar", "/bin/", "app/run", "app/away");

        string[] lines = Tool.Run("tar", "--numeric-owner", "-tvf", _folder["out.tar"]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Matches("^-rwxr-xr-x 0/0 .* bin/run$", lines[0]);
        Assert.Matches("^lrwxrwxrwx 0/0 .* bin/away -> /etc/passwd$", lines[1]);
    }

    [Fact]
    public async Task Pack_OfOneFileToAName_GivesItThatName()
    {
        await PackAsync("out.tar", "/usr/local/bin/start", "app/run");

        Assert.Equal("usr/local/bin/start\n", Tool.Run("tar", "-tf", _folder["out.tar"]));
    }

    [Fact]
    public async Task Digest_SeesContentPermissionsAndPlaceButNoTimes()
    {
        string before = await PackAsync("a.tar", "/srv", "app");
        File.SetLastWriteTimeUtc(_folder["app/run"], DateTime.UnixEpoch);
        Assert.Equal(before, await PackAsync("b.tar", "/srv", "app"));
        Assert.NotEqual(before, await PackAsync("c.tar", "/opt", "app"));
        File.SetUnixFileMode(_folder["app/run"], (UnixFileMode)0x1E4);
        string mode = await PackAsync("d.tar", "/srv", "app");
        Assert.NotEqual(before, mode);
        _folder.Write("app/sub/ä b", "test");
        Assert.NotEqual(mode, await PackAsync("e.tar", "/srv", "app"));
    }

    [Fact]
    public async Task Pack_OfWhatIsNotThere_NamesTheLineAndTheFile()
    {
        ImageException e = await Assert.ThrowsAsync<ImageException>(() => PackAsync("out.tar", "/srv/", "missing"));
        Assert.Equal($"file:3: COPY {_folder["missing"]}: there is no such file or folder on the host", e.Message);
    }

    [Fact]
    public async Task Pack_OfAPipe_IsRefusedIfItIsNamedAndLeftOutOfAFolder()
    {
        _ = Tool.Run("mkfifo", _folder["app/sub/pipe"]);
        await PackAsync("out.tar", "/srv", "app/sub");

        Assert.Equal("srv srv/up srv/ä b", string.Join(' ', Tool.Run("tar", "--quoting-style=literal", "-tf", _folder["out.tar"]).Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        ImageException e = await Assert.ThrowsAsync<ImageException>(() => PackAsync("out.tar", "/srv/", "app/sub/pipe"));
        Assert.Contains("a pipe, a socket or a device", e.Message, StringComparison.Ordinal);
    }

    private async Task<string> PackAsync(string to, string destination, params string[] sources) => (await HostTreeArchive.PackAsync(
        new CopyStep([.. sources.Select(s => _folder[s])], destination) { Place = "file:3" }, _folder[to], default)).Digest;
}
