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
        await tmux.WaitForLineAsync("status 5", s_patience);
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
        // What is typed before the terminal is as it was is nobody's.
        await tmux.WaitForLineAsync("host>", s_patience);
        await tmux.TypeLineAsync("echo back");
        await tmux.WaitForLineAsync("back", s_patience);
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
