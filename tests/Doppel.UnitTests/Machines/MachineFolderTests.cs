using System.Diagnostics;
using System.Globalization;
using System.Text;
using Doppel.Cli.Commands;
using Doppel.Cli.Completion;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;
using Doppel.Host;
using Doppel.UnitTests.Images;

namespace Doppel.UnitTests.Machines;

public sealed class MachineFolderTests : IDisposable
{
    private static readonly DateTimeOffset s_now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private readonly TemporaryFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Fact]
    public void Record_WrittenAndRead_IsTheSame()
    {
        MachineRecord record = Record("web") with { Command = ["sh", "-c", "echo \"ü\""], Cpus = 4, CpuWeight = 300, CpuLimit = 1.5, Pinned = [0, 3], MemoryBytes = 1UL << 40, Engine = "jit", Arguments = ["run"], AutoRemove = true };
        MachineRecord read = MachineFolder.Create(_root.Path, record).ReadRecord()!;
        Assert.Equal(record with { Command = [], Arguments = [], Pinned = [] }, read with { Command = [], Arguments = [], Pinned = [] });
        Assert.Equal(record.Pinned, read.Pinned);
        Assert.Equal(record.Command, read.Command);
    }

    [Fact]
    public void Create_OfATakenName_SaysHowToFreeIt()
    {
        MachineFolder.Create(_root.Path, Record("web"));
        CliException error = Assert.Throws<CliException>(() => MachineFolder.Create(_root.Path, Record("web")));
        Assert.Contains("doppel rm web", error.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_WhereNothingIsLeftButTheFolder_TakesTheName()
    {
        Directory.CreateDirectory(_root["web"]);
        Assert.True(MachineFolder.Create(_root.Path, Record("web")).Exists);
        Assert.Equal(["machine.json"], Directory.EnumerateFileSystemEntries(_root["web"]).Select(Path.GetFileName));
    }

    [Fact]
    public void Rename_MovesAllOfItAndFreesTheOldName()
    {
        MachineFolder folder = MachineFolder.Create(_root.Path, Record("web"));
        using FileStream held = folder.TryLock()!;
        folder.WriteState(new MachineState { Status = MachineStatus.Running });
        folder.Rename("site");
        MachineFolder seen = new(_root["site"]);
        Assert.Equal(("site", "site", MachineStatus.Running), (folder.Name, seen.ReadRecord()!.Name, seen.ReadState().Status));
        Assert.Contains("\"site\"", File.ReadAllText(_root["site/machine.json"]), StringComparison.Ordinal);
        folder.WriteState(new MachineState { Status = MachineStatus.Exited });
        Assert.Equal(MachineStatus.Exited, seen.ReadState().Status);
        Assert.Equal(["site"], Directory.EnumerateFileSystemEntries(_root.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Rename_ToATakenName_ChangesNothing()
    {
        MachineFolder web = MachineFolder.Create(_root.Path, Record("web"));
        MachineFolder.Create(_root.Path, Record("site"));
        Assert.Throws<CliException>(() => web.Rename("site"));
        Assert.Throws<CliException>(() => web.Rename(new string('x', 200)));
        Assert.Equal(["site", "web"], Directory.EnumerateFileSystemEntries(_root.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal("web", web.ReadRecord()!.Name);
    }

    [Fact]
    public void Create_WithAPathTooLongForASocket_SaysSo() =>
        Assert.Throws<CliException>(() => MachineFolder.Create(_root[new string('x', 90)], Record("web")));

    [Fact]
    public void Create_IsForTheOwnerOnly() =>
        Assert.Equal((UnixFileMode)0x1C0, File.GetUnixFileMode(MachineFolder.Create(_root.Path, Record("web")).Path));

    [Fact]
    public void State_LockHeld_IsWhatWasWritten()
    {
        MachineFolder folder = MachineFolder.Create(_root.Path, Record("web"));
        using FileStream held = folder.TryLock()!;
        folder.WriteState(new MachineState { Status = MachineStatus.Running, Process = ProcessIdentity.Current, Started = s_now, Ports = [new("::1", 8080, 80, "tcp")] });
        Assert.Equal(MachineStatus.Running, folder.ReadState().Status);
        Assert.Equal(["80/tcp -> [::1]:8080"], folder.ReadState().Ports.Select(static p => $"{p.Guest} -> {p.Host}"));
        Assert.Equal(s_now, folder.ReadState().Started);
    }

    [Fact]
    public void State_LockFree_IsDead()
    {
        MachineFolder folder = MachineFolder.Create(_root.Path, Record("web"));
        folder.TryLock()!.Dispose();
        folder.WriteState(new MachineState { Status = MachineStatus.Running, Process = ProcessIdentity.Current });
        MachineState state = folder.ReadState();
        Assert.Equal((MachineStatus.Dead, 137), (state.Status, state.ExitCode));
        folder.WriteState(new MachineState { Status = MachineStatus.Exited, ExitCode = 3, Reason = "its command ended" });
        Assert.Equal((MachineStatus.Exited, 3), (folder.ReadState().Status, folder.ReadState().ExitCode));
    }

    [Fact]
    public void State_ManyLook_NoneTakesAnotherForTheMachine()
    {
        MachineFolder folder = MachineFolder.Create(_root.Path, Record("web"));
        folder.TryLock()!.Dispose();
        folder.WriteState(new MachineState { Status = MachineStatus.Running });
        MachineStatus[] seen = new MachineStatus[200];
        Parallel.For(0, seen.Length, i => seen[i] = folder.ReadState().Status);
        Assert.All(seen, static s => Assert.Equal(MachineStatus.Dead, s));
    }

    [Fact]
    public void State_Damaged_IsDeadAndNoException()
    {
        MachineFolder folder = MachineFolder.Create(_root.Path, Record("web"));
        File.WriteAllText(Path.Combine(folder.Path, "state.json"), "{\"status\": 7");
        folder.TryLock()!.Dispose();
        Assert.True(folder.ReadState().Status is MachineStatus.Dead or MachineStatus.Starting);
    }

    [Fact]
    public void Delete_ByTwo_IsNoError()
    {
        MachineFolder folder = MachineFolder.Create(_root.Path, Record("web"));
        folder.Delete();
        folder.Delete();
        Assert.Empty(Directory.EnumerateFileSystemEntries(_root.Path));
    }

    [Theory]
    [InlineData("web", true)]
    [InlineData("a.b_c-9", true)]
    [InlineData("", false)]
    [InlineData("..", false)]
    [InlineData("-x", false)]
    [InlineData("a/b", false)]
    [InlineData("ü", false)]
    [InlineData("12345678901234567890123456789012345678901", false)]
    public void Name_Rules(string name, bool isName) => Assert.Equal(isName, MachineRegistry.IsName(name));

    [Theory]
    [InlineData(0, "0 seconds")]
    [InlineData(1, "1 second")]
    [InlineData(119, "1 minute")]
    [InlineData(7200, "2 hours")]
    [InlineData(3 * 86_400, "3 days")]
    public void Ago_IsForPeople(int seconds, string text) => Assert.Equal(text, MachineState.Ago(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void Describe_EachStatus_IsOneLine()
    {
        MachineState state = new() { Status = MachineStatus.Running, Started = s_now, Finished = s_now, ExitCode = 7, Reason = "its process 5 was killed or crashed" };
        DateTimeOffset later = s_now.AddMinutes(3);
        Assert.Equal("Up 3 minutes", state.Describe(later));
        Assert.Equal("Up 3 minutes (paused)", (state with { Status = MachineStatus.Paused }).Describe(later));
        Assert.Equal("Exited (7) 3 minutes ago", (state with { Status = MachineStatus.Exited }).Describe(later));
        Assert.Equal("Dead: its process 5 was killed or crashed", (state with { Status = MachineStatus.Dead }).Describe(later));
    }

    [Fact]
    public async Task ProcessIdentity_OfAnEndedProcess_IsNotAlive()
    {
        using Process process = Process.Start(new ProcessStartInfo("cat") { RedirectStandardInput = true })!;
        string stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process.Id}/stat"));
        ProcessIdentity identity = new(process.Id, long.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19], CultureInfo.InvariantCulture));
        Assert.True(identity.IsAlive);
        Assert.False((identity with { StartTicks = identity.StartTicks + 1 }).TrySignal(9));
        Assert.True(identity.TrySignal(9));
        await process.WaitForExitAsync();
        Assert.False(identity.IsAlive);
        Assert.True(ProcessIdentity.Current.IsAlive);
    }

    [Fact]
    public void BoundedLog_Full_KeepsTheLastAndTheOneBefore()
    {
        using (BoundedLog log = new(() => _root["log"], most: 100))
        {
            for (int i = 0; i < 30; i++) log.Write(Encoding.ASCII.GetBytes($"line {i:00}\n"));
        }
        Assert.True(new FileInfo(_root["log"]).Length <= 100);
        Assert.EndsWith("line 29\n", File.ReadAllText(_root["log"]), StringComparison.Ordinal);
        Assert.StartsWith("line 12\n", File.ReadAllText(_root["log.1"]), StringComparison.Ordinal);
    }

    [Fact]
    public void BoundedLog_WhoseFolderIsGone_LosesWhatIsWrittenAndNoMore()
    {
        string folder = Directory.CreateDirectory(_root["machine"]).FullName;
        using BoundedLog log = new(() => Path.Combine(folder, "log"), most: 10);
        Directory.Delete(folder, recursive: true);
        for (int i = 0; i < 5; i++) log.Write("more than fits"u8);
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public async Task ConsoleHub_WhoAttaches_SeesTheTailAndWhatComes()
    {
        using ConsoleHub hub = new(new BoundedLog(() => _root["log"]));
        for (int i = 0; i < 3000; i++) hub.Write(Encoding.ASCII.GetBytes($"line {i}\n"));
        System.Threading.Channels.Channel<byte[]> watcher = hub.Watch();
        hub.Write("more"u8);
        string tail = Encoding.ASCII.GetString(await watcher.Reader.ReadAsync());
        Assert.StartsWith("line ", tail, StringComparison.Ordinal);
        Assert.EndsWith("line 2999\n", tail, StringComparison.Ordinal);
        Assert.InRange(tail.Length, 2000, 4096);
        Assert.Equal("more"u8.ToArray(), await watcher.Reader.ReadAsync());
        hub.Dispose();
        Assert.False(await watcher.Reader.WaitToReadAsync());
    }

    [Fact]
    public async Task ConsoleHub_WatcherThatDoesNotRead_IsCutOff()
    {
        using ConsoleHub hub = new(new BoundedLog(() => _root["log"]));
        System.Threading.Channels.Channel<byte[]> watcher = hub.Watch();
        for (int i = 0; i < 1000; i++) hub.Write("x"u8);
        int seen = 0;
        while (await watcher.Reader.WaitToReadAsync()) seen += watcher.Reader.TryRead(out _) ? 1 : 0;
        Assert.InRange(seen, 1, 999);
    }

    [Theory]
    [InlineData("web:/tmp", "web", "/tmp")]
    [InlineData("web:", "web", "")]
    [InlineData("notes.txt", null, "notes.txt")]
    [InlineData("./a:b", null, "./a:b")]
    [InlineData("/a:b", null, "/a:b")]
    [InlineData(":x", null, ":x")]
    public void CopyPath_IsSplitAtTheMachine(string text, string? machine, string path) => Assert.Equal((machine, path), CpCommand.Split(text));

    [Theory]
    [InlineData("exec web ls -l", "exec web", "ls -l")]
    [InlineData("exec -it web sh", "exec -it web", "sh")]
    [InlineData("exec -u root -w /tmp web ls", "exec -u root -w /tmp web", "ls")]
    [InlineData("exec web -- ls --", "exec web", "ls --")]
    [InlineData("exec web", "exec web", null)]
    [InlineData("exec --help", "exec --help", null)]
    [InlineData("run debian", "run debian", null)]
    [InlineData("run debian uname -m", "run debian", "uname -m")]
    [InlineData("run -it --rm -v .:/mnt -e A=b debian ls --all", "run -it --rm -v .:/mnt -e A=b debian", "ls --all")]
    [InlineData("run -m 1G debian --cpus 2 --memory=2G nproc --all", "run -m 1G debian --cpus 2 --memory=2G", "nproc --all")]
    [InlineData("run -d --name web debian", "run -d --name web debian", null)]
    [InlineData("run debian -- -x", "run debian", "-x")]
    [InlineData("image rm a b", "image rm a b", null)]
    public void Words_AreSplitAtTheCommand(string line, string own, string? guest)
    {
        TrailingCommand words = TrailingCommand.Split(line.Split(' '));
        Assert.Equal((own, guest), (string.Join(' ', words.Own), words.Guest is null ? null : string.Join(' ', words.Guest)));
    }

    [Fact]
    public void ExecOptions_ThatTakeAWord_AreAllKnownToTheSplit()
    {
        System.CommandLine.Command exec = ExecCommand.Create(null);
        Assert.Equal(
            exec.Options.Where(static o => o.HelpName is not null).SelectMany(static o => o.Aliases.Append(o.Name)).Order(StringComparer.Ordinal),
            TrailingCommand.ExecOptionsWithValue.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void RunOptions_ThatTakeNoWord_AreAllKnownToTheSplit()
    {
        System.CommandLine.Command run = CommandTree.Create(null, "run").Subcommands.Single();
        IEnumerable<string> flags = HelpPage.Options(run).Concat(CommandTree.Create(null, "run").Options).Where(static o => o.Arity.MinimumNumberOfValues == 0)
            .SelectMany(static o => o.Aliases.Append(o.Name)).Distinct(StringComparer.Ordinal);
        Assert.Equal(flags.Order(StringComparer.Ordinal), TrailingCommand.RunFlags.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("exec ''", "web db")]
    [InlineData("stop w", "web")]
    [InlineData("run ''", "")]
    [InlineData("cp w", "web:")]
    public void Completion_InBash_OffersMachines(string line, string machines)
    {
        foreach (string name in (string[])["web", "db"]) Directory.CreateDirectory(_root[$"machines/{name}"]);
        string script = CompletionScript.For("bash", CommandTree.Create(null));
        string words = Tool.Run("bash", "-c", $"{script}\nexport DOPPEL_STATE='{_root.Path}'; COMP_WORDS=(doppel {line}); COMP_CWORD=2; _doppel; printf '%s\\n' \"${{COMPREPLY[@]}}\"");
        Assert.Equal(machines.Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal), words.Split('\n').Intersect(["web", "db", "web:"], StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    private static MachineRecord Record(string name) => new() { Name = name, Created = s_now, Image = "debian" };
}
