using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Machines;

/// <summary>What one does with a machine that runs: <c>exec</c>, <c>cp</c>, <c>logs</c>, <c>attach</c>, <c>pause</c>.</summary>
public sealed class ExecCommandTests(RunningMachine machine) : IClassFixture<RunningMachine>
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private readonly MachineShed _shed = machine.Shed;

    [ToolFact("apt-get")]
    public async Task Exec_Command_GivesOutputErrorsAndStatus()
    {
        CliResult result = await ExecAsync("sh", "-c", "echo out; echo err >&2; exit 7");
        Assert.Equal((7, "out\n", "err\n"), (result.Status, result.OutputText, result.ErrorText));
    }

    [ToolFact("apt-get")]
    public async Task Exec_WithoutDashes_TakesWhatFollowsTheName()
    {
        CliResult result = await _shed.RunAsync("exec", "-w", "/tmp", RunningMachine.Name, "sh", "-c", "pwd; exit 3");
        Assert.Equal((3, "/tmp\n"), (result.Status, result.OutputText));
    }

    [ToolFact("apt-get")]
    public async Task Exec_Input_IsBinaryClean()
    {
        byte[] input = RandomNumberGenerator.GetBytes(500_000);
        CliResult result = await _shed.RunAsync(["exec", "-i", RunningMachine.Name, "--", "sh", "-c", "tee /tmp/copy; sha256sum </tmp/copy >&2"], input);
        Assert.Equal(0, result.Status);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(input)) + "  -\n", result.ErrorText);
        Assert.Equal(input, result.Output);
    }

    [ToolFact("apt-get")]
    public async Task Exec_UserFolderAndVariables_AreAsAsked()
    {
        CliResult result = await _shed.RunAsync("exec", "-u", "1000:1001", "-w", "/usr", "-e", "GREETING=good day", RunningMachine.Name, "--", "sh", "-c", "id -u; id -g; pwd; echo $GREETING");
        Assert.Equal("1000\n1001\n/usr\ngood day\n", result.OutputText);
    }

    [ToolFact("apt-get")]
    public async Task Exec_WhatCannotRun_Gives127Or126()
    {
        CliResult missing = await ExecAsync("no-such-command"), folder = await ExecAsync("/tmp");
        Assert.Equal((127, 126), (missing.Status, folder.Status));
        Assert.Contains("no-such-command", missing.ErrorText, StringComparison.Ordinal);
        Assert.Equal(125, (await _shed.RunAsync("exec", "no-such-machine", "--", "true")).Status);
        CliResult lost = await _shed.RunAsync("exec", "-w", "/no/such/folder", RunningMachine.Name, "--", "true");
        Assert.Equal((127, "doppel: shared: The guest cannot run true: /no/such/folder: no such file or directory\n"), (lost.Status, lost.ErrorText));
    }

    [ToolFact("apt-get")]
    public async Task Exec_KilledBySignal_Gives128AndTheNumber() => Assert.Equal(137, (await ExecAsync("sh", "-c", "kill -9 $$")).Status);

    [ToolFact("apt-get")]
    public async Task Exec_TwentyAtOnce_EachGetsItsOwn()
    {
        CliResult[] results = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => ExecAsync("sh", "-c", $"echo {i}; exit {i}")));
        Assert.Equal(Enumerable.Range(0, 20).Select(static i => (i, $"{i}\n")), results.Select(static r => (r.Status, r.OutputText)));
    }

    [ToolFact("apt-get", "tmux")]
    public async Task Exec_Terminal_HasTheWindowsSizeAndTakesCtrlC()
    {
        await using Tmux tmux = await Tmux.StartAsync(90, 30);
        await tmux.TypeLineAsync(Command("exec -it shared -- sh") + "; echo status $?");
        await tmux.TypeLineAsync("stty size; tty");
        await tmux.WaitForLineAsync("30 90", s_patience);
        await tmux.WaitForAsync("/dev/pts/", s_patience);
        await tmux.ResizeAsync(70, 20);
        await tmux.TypeLineAsync("until stty size | grep -x '20 70'; do sleep 0.1; done");
        await tmux.WaitForLineAsync("20 70", s_patience);
        // Before it runs the key would be the shell's, whose line editor takes it as it is.
        await tmux.TypeLineAsync("echo begun; sleep 1000");
        await tmux.WaitForLineAsync("begun", s_patience);
        await tmux.KeyAsync("C-c");
        await tmux.TypeLineAsync("exit 5");
        await tmux.WaitForAsync("status 5", s_patience);
    }

    [ToolFact("apt-get", "tmux")]
    public async Task Attach_Terminal_IsTheConsoleAndCanBeLeft()
    {
        await using Tmux tmux = await Tmux.StartAsync(80, 24);
        await tmux.TypeLineAsync(Command("attach shared"));
        await tmux.TypeLineAsync("echo $((6 * 7))");
        await tmux.WaitForLineAsync("42", s_patience);
        await tmux.KeyAsync("C-p");
        await tmux.KeyAsync("C-q");
        await tmux.WaitForAsync("doppel: detached", s_patience);
        // The prompt may come before or behind the echo of what is typed.
        await tmux.TypeHostLineAsync("echo back$((6 * 8))");
        await tmux.WaitForAsync("back48", s_patience);
        Assert.Contains("42", await _shed.DoAsync("logs", RunningMachine.Name), StringComparison.Ordinal);
    }

    [ToolFact("apt-get")]
    public async Task Cp_Folder_GoesInAndComesBackTheSame()
    {
        string source = Directory.CreateDirectory(_shed.File("tree")).FullName;
        Directory.CreateDirectory(Path.Combine(source, "below"));
        await File.WriteAllBytesAsync(Path.Combine(source, "below", "data"), RandomNumberGenerator.GetBytes(300_000));
        File.CreateSymbolicLink(Path.Combine(source, "link"), "below/data");
        await _shed.DoAsync("cp", source, "shared:/tmp");
        string sum = await _shed.DoAsync("exec", RunningMachine.Name, "--", "sh", "-c", "sha256sum < /tmp/tree/link");
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(source, "below", "data")))) + "  -\n", sum);
        await _shed.DoAsync("cp", "shared:/tmp/tree", _shed.File("back"));
        Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(source, "below", "data")), await File.ReadAllBytesAsync(_shed.File("back/below/data")));
        Assert.Equal("below/data", new FileInfo(_shed.File("back/link")).LinkTarget);
    }

    [ToolFact("apt-get")]
    public async Task Exec_Detached_GoesOnBehindTheCommand()
    {
        Assert.Equal("", await _shed.DoAsync("exec", "-d", RunningMachine.Name, "--", "sh", "-c", "echo lost; mkfifo /tmp/gate; read line </tmp/gate; echo $line >/tmp/behind; echo >/tmp/gate"));
        Assert.Equal("done\n", await _shed.DoAsync("exec", RunningMachine.Name, "--", "sh", "-c", "until [ -p /tmp/gate ]; do usleep 1000; done; echo done >/tmp/gate; read line </tmp/gate; cat /tmp/behind"));
    }

    [ToolFact("apt-get")]
    public async Task Exec_AgentKilledInTheGuest_IsBackSoon()
    {
        CliResult killed = await ExecAsync("sh", "-c", "kill -9 $PPID; sleep 10");
        Assert.Equal((125, "doppel: shared: The guest's agent hung up.\n"), (killed.Status, killed.ErrorText));
        Assert.Equal("back\n", (await ExecAsync("echo", "back")).OutputText);
    }

    [ToolFact("apt-get")]
    public async Task Exec_InputThatCannotBeRead_IsAtItsEnd()
    {
        string exec = Command($"exec -i {RunningMachine.Name} -- sh -c 'cat; echo end'");
        Assert.Equal((0, "end\n"), await Tool.RunAsync("bash", "-c", exec + " 0>/dev/null"));
    }

    [ToolFact("apt-get")]
    public async Task Exec_ErrorsThatNobodyReads_EndItAsOfABrokenPipe()
    {
        string exec = Command($"exec {RunningMachine.Name} -- sh -c 'while :; do echo y >&2; sleep 0.1; done'");
        Assert.Equal((141, ""), await Tool.RunAsync("timeout", "30", "bash", "-c", $"{{ {exec}; }} 2> >(head -n 1 >/dev/null)"));
    }

    [ToolFact("apt-get")]
    public async Task Top_ListsTheGuestsProcesses()
    {
        string[] lines = (await _shed.DoAsync("top", RunningMachine.Name)).Split('\n');
        Assert.Matches(@"^PID +PPID +UID +STATE +TIME +MEMORY +COMMAND$", lines[0]);
        Assert.Matches(@"^1 +0 +0 +S +\d+:\d\d\.\d\d +[\d.]+ [KM]iB +.*init", lines[1]);
    }

    [ToolFact("apt-get")]
    public async Task Stats_Once_TellsWhatTheMachineUses()
    {
        using JsonDocument stats = JsonDocument.Parse(await _shed.DoAsync("stats", "--no-stream", "--json", RunningMachine.Name));
        JsonElement one = Assert.Single(stats.RootElement.EnumerateArray());
        Assert.Equal(RunningMachine.Name, one.GetProperty("name").GetString());
        Assert.True(one.GetProperty("processorSeconds").GetDouble() > 0);
        Assert.InRange(one.GetProperty("hostMemoryBytes").GetUInt64(), 1UL << 20, one.GetProperty("memoryBytes").GetUInt64());
        Assert.Contains("of 512 MiB", await _shed.DoAsync("stats", "--no-stream"), StringComparison.Ordinal);
    }

    [ToolFact("apt-get")]
    public async Task Cp_TarArchive_GoesInAndComesBack()
    {
        string source = Directory.CreateDirectory(_shed.File("packed/below")).FullName;
        await File.WriteAllTextAsync(Path.Combine(source, "f"), "in a tar");
        Assert.Equal((0, ""), await Tool.RunAsync("tar", "-c", "-C", _shed.State, "-f", _shed.File("in.tar"), "packed"));
        await _shed.DoAsync("exec", RunningMachine.Name, "--", "mkdir", "-p", "/tmp/unpacked");
        CliResult packed = await _shed.RunAsync(["cp", "-", "shared:/tmp/unpacked"], await File.ReadAllBytesAsync(_shed.File("in.tar")));
        Assert.True(packed.Status == 0, packed.ErrorText);
        CliResult back = await _shed.RunAsync("cp", "shared:/tmp/unpacked/packed", "-");
        await File.WriteAllBytesAsync(_shed.File("back.tar"), back.Output);
        Assert.Equal((0, "in a tar"), await Tool.RunAsync("tar", "-x", "-O", "-f", _shed.File("back.tar"), "packed/below/f"));
        Assert.Equal(2, (await _shed.RunAsync("cp", "-", "-")).Status);
    }

    [ToolFact("apt-get")]
    public async Task Cp_WhatIsNotThere_SaysSo()
    {
        CliResult result = await _shed.RunAsync("cp", "shared:/no/such/file", _shed.State);
        Assert.Equal(125, result.Status);
        Assert.Contains("/no/such/file: no such file or directory", result.ErrorText, StringComparison.Ordinal);
        Assert.Equal(2, (await _shed.RunAsync("cp", "a", "b")).Status);
    }

    [ToolFact("apt-get")]
    public async Task Logs_Boot_IsTheKernels() => Assert.Contains("Linux version", await _shed.DoAsync("logs", "--boot", RunningMachine.Name), StringComparison.Ordinal);

    [ToolFact("apt-get")]
    public async Task Inspect_TellsWhatItIs()
    {
        using JsonDocument inspected = JsonDocument.Parse(await _shed.DoAsync("inspect", RunningMachine.Name));
        Assert.Equal("debian", inspected.RootElement.GetProperty("image").GetString());
        Assert.Equal((UnixFileMode)0x1C0, File.GetUnixFileMode(inspected.RootElement.GetProperty("folder").GetString()!));
    }

    private Task<CliResult> ExecAsync(params string[] command) => _shed.RunAsync(["exec", RunningMachine.Name, "--", .. command]);

    private string Command(string arguments) => new StringBuilder("DOPPEL_STATE=").Append(_shed.State).Append(" dotnet ").Append(DoppelCli.Assembly).Append(' ').Append(arguments).ToString();
}
