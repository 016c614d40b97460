using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>Guests with folders of the host, through the command line.</summary>
public sealed class ShareTests
{
    private const int Checks = 70;

    [ToolFact("apt-get")]
    public async Task Share_InAGuest_BehavesAsAFileSystem()
    {
        using TemporaryFolder folder = new();
        string share = Directory.CreateDirectory(folder.File("share")).FullName, fixedShare = Directory.CreateDirectory(folder.File("fixed")).FullName;
        await File.WriteAllTextAsync(Path.Combine(fixedShare, "data"), "fixed\n");
        File.CreateSymbolicLink(Path.Combine(share, "outside"), "../secret");
        await File.WriteAllTextAsync(folder.File("secret"), "secret\n");
        string script = Path.Combine(AppContext.BaseDirectory, "Guests", "share-checks");
        File.Copy(script, Path.Combine(share, "checks"));
        await DoppelCli.EnsureImageAsync();

        CliResult result = await DoppelCli.RunAsync("run", "--network", "none", "--share", $"{share}:/mnt/share", "--share", $"{fixedShare}:/srv/fixed,ro",
            "--", "sh", "/mnt/share/checks", "/mnt/share", "/srv/fixed");

        string[] lines = result.OutputText.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("", string.Join('\n', lines.Where(static l => !l.StartsWith("ok ", StringComparison.Ordinal))) + result.ErrorText);
        Assert.True(lines.Length >= Checks, $"only {lines.Length} checks");
        Assert.Equal("secret\n", await File.ReadAllTextAsync(folder.File("secret")));
        Assert.Equal(["data"], Directory.EnumerateFileSystemEntries(fixedShare).Select(Path.GetFileName));
        Assert.Equal("from the guest\n", await File.ReadAllTextAsync(Path.Combine(share, "left", "for the host")));
    }

    [ToolFact("apt-get")]
    public async Task Share_ChangesOnEitherSide_AreSeenOnTheOtherAtOnce()
    {
        await using MachineShed shed = new();
        string share = Directory.CreateDirectory(shed.File("share")).FullName, log = Path.Combine(share, "log");
        await File.WriteAllTextAsync(log, "one\n");
        await shed.StartAsync("worker", "--network", "none", "--share", $"{share}:/mnt");
        // The guest holds the file open, has read to its end and knows its length.
        await shed.DoAsync("exec", "worker", "--", "sh", "-c", "(exec 3</mnt/log; cat <&3; until [ -e /mnt/go ]; do usleep 20000; done; cat <&3) >/tmp/seen 2>&1 & sleep 1");
        await File.AppendAllTextAsync(log, "two\n");
        Assert.Equal("one\ntwo\n", await shed.DoAsync("exec", "worker", "--", "cat", "/mnt/log"));
        await File.WriteAllTextAsync(Path.Combine(share, "go"), "");
        await shed.DoAsync("exec", "worker", "--", "sh", "-c", "until grep -q two /tmp/seen; do usleep 20000; done; echo three >>/mnt/log; mv /mnt/log /mnt/moved; rm /mnt/go");
        Assert.Equal("one\ntwo\nthree\n", await File.ReadAllTextAsync(Path.Combine(share, "moved")));
        Directory.CreateDirectory(Path.Combine(share, "new"));
        File.Delete(Path.Combine(share, "moved"));
        Assert.Equal("new\n", await shed.DoAsync("exec", "worker", "--", "ls", "/mnt"));
    }

    [ToolFact("apt-get", "riscv64-linux-gnu-gcc")]
    public async Task Share_ProgramThatMapsAndLocks_WritesWhatTheHostReads()
    {
        using TemporaryFolder folder = new();
        string source = Path.Combine(AppContext.BaseDirectory, "Guests", "share-maps.c");
        (int status, string messages) = await Tool.RunAsync("riscv64-linux-gnu-gcc", "-static", "-O1", "-o", folder.File("maps"), source);
        Assert.True(status == 0, messages);
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync("run", "--network", "none", "--share", $"{folder.Path}:/mnt", "--", "/mnt/maps", "/mnt/file");
        Assert.Equal(("mapped\nlocked\n", "", 0), (result.OutputText, result.ErrorText, result.Status));
        Assert.Equal(new string('m', 8000) + "written" + new string('m', 11993), await File.ReadAllTextAsync(folder.File("file")));
    }

    [ToolFact("apt-get")]
    public async Task Share_OfAFolderThatIsNotThere_SaysWhatToDo()
    {
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync("run", "--share", "/nowhere:/mnt", "--", "true");
        Assert.NotEqual(0, result.Status);
        Assert.Contains("the host has no folder /nowhere; create it with mkdir, or correct the name", result.ErrorText, StringComparison.Ordinal);
    }
}
