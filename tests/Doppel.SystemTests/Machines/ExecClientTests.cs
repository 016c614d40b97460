using System.Diagnostics;
using System.Globalization;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Machines;

/// <summary>The native client of <c>doppel exec</c> against the managed command, which says what is right, on one machine.</summary>
public sealed class ExecClientTests(RunningMachine machine) : IClassFixture<RunningMachine>
{
    private const int Megabyte = 1_000_000;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private readonly MachineShed _shed = machine.Shed;

    /// <summary>What the client does itself; the words behind <c>exec</c>, and how many bytes it is given to read.</summary>
    public static TheoryData<string[], int> Own { get; } = new()
    {
        { ["shared", "--", "sh", "-c", "echo out; echo err >&2; exit 7"], 0 },
        { ["shared", "--", "sh", "-c", "kill -9 $$"], 0 },
        { ["-w", "/tmp", "shared", "sh", "-c", "pwd; exit 3"], 0 },
        { ["shared", "--workdir=/usr", "--", "pwd"], 0 },
        { ["shared", "--", "printf", "[%s]", "", "two words", "--", "-x"], 0 },
        { ["-u", "1000:1001", "shared", "--", "id"], 0 },
        { ["--user=daemon", "shared", "--", "id", "-u"], 0 },
        { ["-u", "nobody:tty", "shared", "--", "id", "-G"], 0 },
        { ["-u", "nobody-of-that-name", "shared", "--", "true"], 0 },
        { ["-u", "nobody:no-such-group", "shared", "--", "true"], 0 },
        { ["-w", "/no/such/folder", "shared", "--", "true"], 0 },
        { ["-e", "A=1", "--env", "B=two words", "-e", "C=", "--env=A=x=y", "shared", "--", "sh", "-c", "echo \"$A|$B|${C-unset}|$HOME\""], 0 },
        { ["shared", "--", "no-such-command"], 0 },
        { ["shared", "--", "/tmp"], 0 },
        { ["shared", "--", "/etc/passwd"], 0 },
        { ["shared", "--", "/etc/passwd/below"], 0 },
        { ["shared", "--", "/" + new string('x', 5000)], 0 },
        { ["-i", "shared", "--", "cat"], Megabyte },
        { ["-i", "shared", "--", "sh", "-c", "tee /dev/stderr"], Megabyte },
        { ["-i", "shared", "--", "head", "-c", "70000"], Megabyte },
        { ["-i", "shared", "--", "cat"], 0 },
        { ["shared", "--", "cat"], 1000 },
        { ["shared", "--", "sh", "-c", "seq 200000; seq 200000 >&2"], 0 },
        { ["-t", "shared", "--", "sh", "-c", "tty; stty size; echo $TERM; echo err >&2"], 0 },
        { ["-t", "-e", "TERM=dumb", "shared", "--", "sh", "-c", "echo $TERM"], 0 },
        { ["-it", "shared", "--", "sh", "-c", "read line; echo \"[$line]\""], 0 },
    };

    /// <summary>What it leaves to the managed command.</summary>
    public static TheoryData<string[]> Others { get; } = new()
    {
        { [] },
        { ["--help"] },
        { ["shared"] },
        { ["--", "true"] },
        { ["no-such-machine", "--", "true"] },
        { ["../shared", "--", "true"] },
        { ["--no-such-option", "shared", "--", "true"] },
        { ["shared", "more", "--", "true"] },
        { ["-e", "nothing", "shared", "--", "true"] },
        { ["-u", "1", "-u", "2", "shared", "--", "true"] },
        { ["-i", "true", "shared", "--", "true"] },
        { ["--tty=false", "shared", "--", "tty"] },
        { ["-e", "HOME", "shared", "--", "sh", "-c", "echo $HOME"] },
        { ["-d", "shared", "--", "true"] },
        { ["-d", "shared", "--", "no-such-command"] },
    };

    [ToolTheory("apt-get", "cc")]
    [MemberData(nameof(Own))]
    public async Task Client_WhatItDoesItself_IsWhatTheManagedCommandDoes(string[] words, int inputBytes)
    {
        byte[] input = new byte[inputBytes];
        new Random(4).NextBytes(input);
        CliResult managed = await _shed.RunAsync(["exec", .. words], input);
        CliResult native = await DoppelCli.FinishAsync(await ExecClient.StartAsync(words, _shed.State), words, input);
        Assert.Equal((managed.Status, managed.ErrorText), (native.Status, native.ErrorText));
        Assert.Equal(managed.Output, native.Output);
    }

    [ToolTheory("apt-get", "cc")]
    [MemberData(nameof(Others))]
    public async Task Client_WhatItDoesNotUnderstand_IsTheManagedCommands(string[] words)
    {
        CliResult managed = await _shed.RunAsync(["exec", .. words]);
        CliResult native = await DoppelCli.FinishAsync(await ExecClient.StartAsync(words, _shed.State, mayHandOver: true), words, []);
        Assert.Equal((managed.Status, managed.OutputText, managed.ErrorText), (native.Status, native.OutputText, native.ErrorText));
    }

    [ToolFact("apt-get", "cc")]
    public async Task Client_PausedMachine_IsTheManagedCommandsToExplain()
    {
        await _shed.DoAsync("pause", RunningMachine.Name);
        CliResult native = await DoppelCli.FinishAsync(await ExecClient.StartAsync(["shared", "true"], _shed.State, mayHandOver: true), [], []);
        await _shed.DoAsync("resume", RunningMachine.Name);
        Assert.Equal((125, "doppel: shared: the machine is paused\n        let it go on with `doppel resume shared`\n"), (native.Status, native.ErrorText));
    }

    [ToolTheory("apt-get", "cc")]
    [InlineData("HUP", 129)]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public async Task Client_Signal_IsTheProgramsAndTheSecondItsOwn(string signal, int status)
    {
        string[] words = ["shared", "--", "sh", "-c", $"trap 'echo got {signal}' {signal}; echo ready; while :; do sleep 0.1; done"];
        using Process client = await ExecClient.StartAsync(words, _shed.State);
        foreach (string line in (string[])["ready", "got " + signal])
        {
            Assert.Equal(line, await client.StandardOutput.ReadLineAsync().WaitAsync(s_patience));
            await Tool.RunAsync("kill", "-s", signal, client.Id.ToString(CultureInfo.InvariantCulture));
        }
        await client.WaitForExitAsync().WaitAsync(s_patience);
        Assert.Equal(status, client.ExitCode);
    }

    [ToolFact("apt-get", "cc")]
    public async Task Client_OutputThatNobodyReads_EndsAsOfABrokenPipe()
    {
        string command = $"set -o pipefail; DOPPEL_STATE={_shed.State} {await ExecClient.PathAsync()} exec shared -- sh -c 'while :; do echo y; done' | head -n 1";
        Assert.Equal((141, "y\n"), await Tool.RunAsync("bash", "-c", command));
    }

    [ToolFact("apt-get", "cc")]
    public async Task Client_StandardOutputClosed_Fails()
    {
        string command = $"DOPPEL_STATE={_shed.State} {await ExecClient.PathAsync()} exec shared -- echo lost >&-";
        Assert.Equal((125, ""), await Tool.RunAsync("bash", "-c", command));
    }

    [ToolFact("apt-get", "cc", "tmux")]
    public async Task Client_Terminal_HasTheWindowsSizeAndTakesCtrlC()
    {
        await using Tmux tmux = await Tmux.StartAsync(90, 30);
        await tmux.TypeLineAsync($"DOPPEL_STATE={_shed.State} {await ExecClient.PathAsync()} exec -it shared -- sh; echo status $?");
        await tmux.TypeLineAsync("stty size; tty");
        await tmux.WaitForLineAsync("30 90", s_patience);
        await tmux.WaitForAsync("/dev/pts/", s_patience);
        await tmux.ResizeAsync(70, 20);
        await tmux.TypeLineAsync("until stty size | grep -x '20 70'; do sleep 0.1; done");
        await tmux.WaitForLineAsync("20 70", s_patience);
        await tmux.TypeLineAsync("echo begun; sleep 1000");
        await tmux.WaitForLineAsync("begun", s_patience);
        await tmux.KeyAsync("C-c");
        await tmux.TypeLineAsync("exit 5");
        await tmux.WaitForAsync("status 5", s_patience);
        await AssertTerminalIsRestoredAsync(tmux);
    }

    [ToolTheory("apt-get", "cc", "tmux")]
    [InlineData("TERM", 143)]
    [InlineData("KILL", 137)]
    public async Task Client_KilledWhileTheTerminalIsRaw_TheModeComesBack(string signal, int status)
    {
        await using Tmux tmux = await Tmux.StartAsync(90, 30);
        string processFile = _shed.File(signal), terminalFile = _shed.File(signal + "-tty");
        await tmux.TypeLineAsync($"sh -c 'echo $$ >{processFile}; tty >{terminalFile}; DOPPEL_STATE={_shed.State} exec {await ExecClient.PathAsync()} exec -it shared -- sh'; echo status $?");
        await tmux.TypeLineAsync("echo $((6 * 7))");
        await tmux.WaitForLineAsync("42", s_patience);
        await Tool.RunAsync("kill", "-s", signal, (await File.ReadAllTextAsync(processFile)).Trim());
        await tmux.WaitForAsync($"status {status}", s_patience);
        await WaitUntilCookedAsync((await File.ReadAllTextAsync(terminalFile)).Trim());
        await AssertTerminalIsRestoredAsync(tmux);
    }

    // What brings the mode back after a kill outlives the client by a moment.
    private static async Task WaitUntilCookedAsync(string terminal)
    {
        using CancellationTokenSource limit = new(s_patience);
        while (!(await Tool.RunAsync("stty", "-F", terminal, "-a")).Output.Contains(" icanon ", StringComparison.Ordinal)) await Task.Delay(20, limit.Token);
    }

    // In raw mode the Enter key would not even end the line.
    private static async Task AssertTerminalIsRestoredAsync(Tmux tmux)
    {
        await tmux.TypeHostLineAsync("stty -a | grep -ow -e icanon -e echo -e isig | sort | tr '\\n' :");
        await tmux.WaitForAsync("echo:icanon:isig:", s_patience);
    }
}
