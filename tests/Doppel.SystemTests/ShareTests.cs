using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>Guests with folders of the host, through the command line.</summary>
public sealed class ShareTests
{
    private const int Checks = 72;
    private const string SeedVariable = "DOPPEL_SHARE_SEED", StepsVariable = "DOPPEL_SHARE_STEPS";

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
        await shed.DoAsync("exec", "worker", "--", "sh", "-c", "(exec 3</mnt/log; cat <&3; until [ -e /mnt/go ]; do usleep 20000; done; cat <&3) >/tmp/seen 2>&1 & until grep -q one /tmp/seen; do usleep 20000; done");
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
    public async Task Share_LocksOfEitherSide_HoldOnTheOther()
    {
        await using MachineShed shed = new();
        string share = Directory.CreateDirectory(shed.File("share")).FullName;
        await CompileAsync("share-locks.c", Path.Combine(share, "locks"));
        await shed.StartAsync("worker", "--network", "none", "--share", $"{share}:/mnt");
        Task<string> holder = LockAsync("l", "+/mnt/held", "-/mnt/go", "n", "f", "u", "f", "u", "F", "u");
        while (!File.Exists(Path.Combine(share, "held"))) await Task.Delay(20);
        await using FileStream file = new(Path.Combine(share, "file"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        Assert.Throws<IOException>(() => file.Lock(19, 1));
        file.Lock(20, 1);
        file.Unlock(20, 1);
        await File.WriteAllTextAsync(Path.Combine(share, "go"), "");
        Assert.Equal("ok ok ok ok ok ok ok ok", await holder);
        file.Lock(19, 1);
        Assert.Equal("busy busy", await LockAsync("l", "f"));
        Task<string> waiting = LockAsync("+/mnt/waiting", "L");
        while (!File.Exists(Path.Combine(share, "waiting"))) await Task.Delay(20);
        Assert.False(waiting.IsCompleted);
        file.Unlock(19, 1);
        Assert.Equal("ok", await waiting);

        async Task<string> LockAsync(params string[] steps) =>
            (await shed.DoAsync(["exec", "worker", "--", "/mnt/locks", "/mnt/file", .. steps])).TrimEnd().Replace('\n', ' ');
    }

    // In a user namespace in which nobody is anybody, so that root of the host has no more rights than permissions give it: the guest's root has all.
    [ToolFact("apt-get", "riscv64-linux-gnu-gcc", "unshare")]
    public async Task Share_RandomCalls_DoWhatTheyDoInAFolderOfTheGuests()
    {
        using TemporaryFolder folder = new();
        string share = Directory.CreateDirectory(folder.File("share")).FullName;
        await CompileAsync("share-twin.c", Path.Combine(share, "twin"));
        await DoppelCli.EnsureImageAsync();
        string seed = Environment.GetEnvironmentVariable(SeedVariable) ?? "1", steps = Environment.GetEnvironmentVariable(StepsVariable) ?? "20000";
        (int status, string messages) = await Tool.RunAsync("unshare", "--user", "env", $"DOPPEL_CACHE={Repository.ImageCache}",
            "dotnet", DoppelCli.Assembly, "run", "--network", "none", "--share", $"{share}:/mnt", "--", "sh", "-c",
            $"mkdir -p /mnt/here/in /tmp/there/in && /mnt/twin /mnt/here/in /tmp/there/in {seed} {steps} && find /mnt/here /tmp/there -type p -exec rm {{}} ';' && cp -a /tmp/there /mnt/copy");
        Assert.True(status == 0, $"{SeedVariable}={seed} {StepsVariable}={steps}: {messages}");
        Assert.Contains(", 0 differences", messages, StringComparison.Ordinal);
        Assert.Equal((0, ""), await Tool.RunAsync("chmod", "-R", "u+rwX", share));
        (status, messages) = await Tool.RunAsync("diff", "-r", "--no-dereference", Path.Combine(share, "here"), Path.Combine(share, "copy"));
        Assert.True(status == 0, messages);
    }

    [ToolFact("apt-get", "riscv64-linux-gnu-gcc")]
    public async Task Share_ProgramThatMapsAndLocks_WritesWhatTheHostReads()
    {
        using TemporaryFolder folder = new();
        await CompileAsync("share-maps.c", folder.File("maps"));
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

    private static async Task CompileAsync(string source, string program)
    {
        (int status, string messages) = await Tool.RunAsync("riscv64-linux-gnu-gcc", "-static", "-O1", "-o", program, Path.Combine(AppContext.BaseDirectory, "Guests", source));
        Assert.True(status == 0, messages);
    }
}
