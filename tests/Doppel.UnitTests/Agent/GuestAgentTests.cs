using System.Security.Cryptography;
using System.Text;
using Doppel.Agent;

namespace Doppel.UnitTests.Agent;

/// <summary>The library's side of the protocol against the real agent.</summary>
public sealed class GuestAgentTests : IAsyncLifetime, IDisposable
{
    private AgentProgram _program = null!;
    private GuestAgent _agent = null!;

    public async Task InitializeAsync() => (_program, _agent) = await AgentProgram.StartAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => _program.Dispose();

    [Fact]
    public async Task Exec_Streams_StayApart()
    {
        GuestExecResult result = await _agent.ExecAsync(new GuestExec("sh", "-c", "echo out; echo err >&2; exit 7"));
        Assert.Equal((7, 0, "out\n", "err\n"), (result.ExitCode, result.Signal, result.OutputText, result.ErrorText));
    }

    [Fact]
    public async Task Exec_KilledByASignal_TellsWhich()
    {
        GuestExecResult result = await _agent.ExecAsync(new GuestExec("sh", "-c", "kill -15 $$"));
        Assert.Equal((143, 15), (result.ExitCode, result.Signal));
    }

    [Fact]
    public async Task Exec_Input_ArrivesWholeAndComesBack()
    {
        byte[] input = RandomNumberGenerator.GetBytes(3_000_000);
        GuestExecResult result = await _agent.ExecAsync(new GuestExec("cat") { Input = input });
        Assert.Equal(input, result.Output);
    }

    [Fact]
    public async Task Exec_WithoutInput_ReadsTheEndAtOnce() => Assert.Equal("", (await _agent.ExecAsync(new GuestExec("cat"))).OutputText);

    [Fact]
    public async Task Exec_InputThatNobodyReads_DoesNotHang() =>
        Assert.Equal(0, (await _agent.ExecAsync(new GuestExec("true") { Input = new byte[1 << 20] })).ExitCode);

    [Fact]
    public async Task Exec_ArgumentsFolderAndVariables_ArriveAsTheyAre()
    {
        string[] odd = ["two words", "it's", "a\"b", "$HOME", "line\nbreak", "", "--", "ü\\"];
        GuestExec exec = new(["sh", "-c", "pwd; printf '%s|' \"$GREETING\" \"$PATH\" \"$@\"", "sh", .. odd])
        {
            WorkingDirectory = "/usr",
            Environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["GREETING"] = "good day", ["PATH"] = "/usr/bin:/bin" },
        };
        Assert.Equal("/usr\ngood day|/usr/bin:/bin|" + string.Concat(odd.Select(static a => a + "|")), (await _agent.ExecAsync(exec)).OutputText);
    }

    [Fact]
    public async Task Exec_Defaults_AreRootsEnvironment()
    {
        string text = (await _agent.ExecAsync(new GuestExec("env"))).OutputText;
        Assert.Contains("PATH=/usr/local/sbin:", text, StringComparison.Ordinal);
        Assert.Contains("USER=root\n", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no-such-user", "no such user")]
    [InlineData("root:no-such-group", "no such group")]
    [InlineData("12x", "no such user")]
    [InlineData("99999999999", "no such user")]
    public async Task Exec_UnknownUser_IsRefused(string user, string reason)
    {
        GuestAgentException error = await Assert.ThrowsAsync<GuestAgentException>(() => _agent.ExecAsync(new GuestExec("true") { User = user }));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exec_Detached_GoesOnWithoutTheAgent()
    {
        string file = Path.Combine(Path.GetTempPath(), $"doppel-detached-{Guid.NewGuid():N}");
        GuestExec exec = new("sh", "-c", $"echo lost; cat; echo $$ >{file}.new; mv {file}.new {file}; exec sleep 1000") { Detached = true, Terminal = true, HasInput = true };
        GuestExecResult result = await _agent.ExecAsync(exec);
        Assert.Equal((0, "", ""), (result.ExitCode, result.OutputText, result.ErrorText));
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
        while (!File.Exists(file)) await Task.Delay(10, limit.Token);
        await _program.Stream.DisposeAsync();
        int pid = int.Parse(await File.ReadAllTextAsync(file), System.Globalization.CultureInfo.InvariantCulture);
        File.Delete(file);
        // The shell becomes the program a moment after it has written its number.
        Assert.True(SpinWait.SpinUntil(() => File.ReadAllText($"/proc/{pid}/comm") == "sleep\n", TimeSpan.FromSeconds(60)));
        using System.Diagnostics.Process program = System.Diagnostics.Process.GetProcessById(pid);
        program.Kill();
    }

    [Fact]
    public async Task Exec_BackgroundChildPrintsOn_EndsWithTheProgram()
    {
        GuestExecResult result = await _agent.ExecAsync(new GuestExec("sh", "-c", "yes & exit 4")).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(4, result.ExitCode);
    }

    [Theory]
    [InlineData("whole line\n")]
    [InlineData("no end of line")]
    public async Task Exec_TerminalWhoseInputEnds_ReadsTheEnd(string typed)
    {
        await using GuestProcess cat = await _agent.StartAsync(new GuestExec("cat") { Terminal = true, HasInput = true });
        await cat.StandardInput.WriteAsync(Encoding.ASCII.GetBytes(typed));
        await cat.StandardInput.DisposeAsync();
        Assert.Equal(0, (await cat.WaitAsync().WaitAsync(TimeSpan.FromSeconds(60))).ExitCode);
    }

    [Fact]
    public async Task Exec_Hundreds_LeaveNothingOpen()
    {
        Assert.Equal(0, (await _agent.ExecAsync(new GuestExec("true"))).ExitCode);
        string[] before = _program.OpenFiles();
        for (int i = 0; i < 100; i++)
        {
            await _agent.ExecAsync(new GuestExec("cat") { Input = new byte[i] });
            await using GuestProcess terminal = await _agent.StartAsync(new GuestExec("true") { Terminal = true, HasInput = true });
            await terminal.WaitAsync();
        }
        Assert.Equal(before, _program.OpenFiles());
    }

    [Fact]
    public async Task Exec_ThreeHundredAtOnce_AllRun()
    {
        GuestProcess[] all = await Task.WhenAll(Enumerable.Range(0, 300).Select(_ => _agent.StartAsync(new GuestExec("cat") { HasInput = true })));
        foreach (GuestProcess process in all) await process.StandardInput.DisposeAsync();
        Assert.All(await Task.WhenAll(all.Select(static p => p.WaitAsync())), static e => Assert.Equal(0, e.ExitCode));
    }

    [Fact]
    public async Task Exec_BackgroundChildHoldsTheOutput_EndsWithTheProgram()
    {
        GuestExecResult result = await _agent.ExecAsync(new GuestExec("sh", "-c", "sleep 1000 & echo $!"));
        int pid = int.Parse(result.OutputText, System.Globalization.CultureInfo.InvariantCulture);
        // It still holds the output: a signal to what is gone would fail.
        await _agent.Processes.SignalAsync(pid, 9);
    }

    [Fact]
    public async Task Exec_PrintsMoreThanIsKept_IsKilled()
    {
        GuestExec yes = new("yes") { MaxOutputBytes = 100_000 };
        GuestAgentException error = await Assert.ThrowsAsync<GuestAgentException>(() => _agent.ExecAsync(yes));
        Assert.Contains("100000", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, (await _agent.ExecAsync(new GuestExec("true"))).ExitCode);
    }

    [Fact]
    public async Task Exec_Cancelled_KillsTheProgram()
    {
        using CancellationTokenSource limit = new();
        await using GuestProcess process = await _agent.StartAsync(new GuestExec("sh", "-c", "echo $$; exec sleep 1000"));
        byte[] buffer = new byte[100];
        int pid = int.Parse(Encoding.ASCII.GetString(buffer, 0, await process.StandardOutput.ReadAsync(buffer)), System.Globalization.CultureInfo.InvariantCulture);
        Task<GuestExit> end = process.WaitAsync(limit.Token);
        await limit.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => end);
        await WaitUntilGoneAsync(pid);
    }

    [Fact]
    public async Task Exec_TwentyAtOnce_DoNotDisturbEachOther()
    {
        GuestExecResult[] results = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => _agent.ExecAsync(new GuestExec("sh", "-c", $"cat; echo {i}") { Input = Encoding.ASCII.GetBytes($"{i}-") })));
        Assert.Equal(Enumerable.Range(0, 20).Select(static i => $"{i}-{i}\n"), results.Select(static r => r.OutputText));
    }

    [Fact]
    public async Task Exec_ReaderOfOneStops_OthersGoOn()
    {
        await using GuestProcess yes = await _agent.StartAsync(new GuestExec("yes"));
        await yes.StandardOutput.ReadExactlyAsync(new byte[10]);
        Assert.Equal("on\n", (await _agent.ExecAsync(new GuestExec("echo", "on"))).OutputText);
    }

    [Fact]
    public async Task Signal_ReachesTheProgram()
    {
        await using GuestProcess process = await _agent.StartAsync(new GuestExec("sh", "-c", "trap 'echo caught; exit 3' USR1; echo ready; while :; do sleep 0.05; done"));
        byte[] buffer = new byte[100];
        await process.StandardOutput.ReadExactlyAsync(buffer.AsMemory(0, "ready\n".Length));
        process.SendSignal(10);
        Assert.Equal(3, (await process.WaitAsync()).ExitCode);
        Assert.Equal("caught\n", Encoding.ASCII.GetString(buffer, 0, await process.StandardOutput.ReadAsync(buffer)));
    }

    [Fact]
    public void Exec_TooLong_IsRefusedBeforeItIsSent()
    {
        Assert.Throws<ArgumentException>(() => new GuestExec("echo", new string('x', 70_000)).ToPayload());
        Assert.Throws<ArgumentException>(() => new GuestExec("a\0b").ToPayload());
        Assert.Throws<ArgumentException>(() => new GuestExec().ToPayload());
    }

    [Fact]
    public async Task Processes_List_HasTheAgentItself()
    {
        string mark = Guid.NewGuid().ToString("N");
        await using GuestProcess process = await _agent.StartAsync(new GuestExec("sh", "-c", "echo; read line", mark) { HasInput = true });
        await process.StandardOutput.ReadExactlyAsync(new byte[1]);
        IReadOnlyList<GuestProcessInfo> all = await _agent.Processes.ListAsync();
        GuestProcessInfo shell = all.Single(p => p.CommandLine == $"sh -c echo; read line {mark}");
        Assert.Equal("sh", shell.Name);
        GuestProcessInfo own = all.Single(static p => p.Id == Environment.ProcessId);
        Assert.True(own.ResidentBytes > 1 << 20);
        Assert.NotEqual(0, own.ParentId);
        await _agent.Processes.SignalAsync(shell.Id, 9);
        Assert.Equal(9, (await process.WaitAsync()).Signal);
        await Assert.ThrowsAsync<GuestAgentException>(() => _agent.Processes.SignalAsync(int.MaxValue, 9));
    }

    [Fact]
    public async Task Processes_ListThatNobodyReads_IsHeldBack()
    {
        // The list holds every process of this computer, so ours carry a mark of their own.
        string mark = new string('x', 4000) + Guid.NewGuid().ToString("N");
        string[] arguments = ["sh", "-c", "echo; read line", mark];
        GuestProcess[] processes = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => _agent.StartAsync(new GuestExec(arguments) { HasInput = true })));
        foreach (GuestProcess process in processes) await process.StandardOutput.ReadExactlyAsync(new byte[1]);
        Assert.Equal(40, (await _agent.Processes.ListAsync()).Count(p => p.CommandLine == $"sh -c echo; read line {mark}"));

        using AgentProgram program = new();
        AgentConnection connection = await AgentConnection.OpenAsync(program.Stream, CancellationToken.None);
        CountingSink list = new();
        await connection.SendAsync(connection.Open(list), AgentFrameType.Processes, 0, default);
        await (await AgentRequest.SendAsync(connection, AgentFrameType.Ping, default)).Result;
        Assert.InRange(list.Bytes, 1, AgentFrame.Window + (32 << 10));
        foreach (GuestProcess process in processes) await process.DisposeAsync();
    }

    [Fact]
    public async Task Ping_TellsTheTime()
    {
        GuestClock first = await _agent.PingAsync(), second = await _agent.PingAsync();
        Assert.True(second.SinceBootNs > first.SinceBootNs);
        Assert.InRange(first.Wall, 1_700_000_000_000_000_000, long.MaxValue);
        await _agent.SyncAsync();
    }

    [Fact]
    public async Task Relay_TwoClients_UseOneAgent()
    {
        (GuestAgent one, _) = await RelayAsync();
        (GuestAgent two, Stream line) = await RelayAsync();
        GuestExecResult[] results = await Task.WhenAll(one.ExecAsync(new GuestExec("echo", "one")), two.ExecAsync(new GuestExec("echo", "two")));
        Assert.Equal(["one\n", "two\n"], results.Select(static r => r.OutputText));
        GuestProcess process = await two.StartAsync(new GuestExec("sh", "-c", "echo $$; exec sleep 1000"));
        byte[] buffer = new byte[100];
        int pid = int.Parse(Encoding.ASCII.GetString(buffer, 0, await process.StandardOutput.ReadAsync(buffer)), System.Globalization.CultureInfo.InvariantCulture);
        await line.DisposeAsync();
        await WaitUntilGoneAsync(pid);
        Assert.Equal("still\n", (await one.ExecAsync(new GuestExec("echo", "still"))).OutputText);
    }

    // Takes what comes, and grants nothing.
    private sealed class CountingSink : IAgentSink
    {
        internal int Bytes { get; private set; }

        public void OnFrame(AgentFrameType type, byte stream, ReadOnlySpan<byte> payload) => Bytes += payload.Length;

        public void OnLost(Exception reason)
        {
        }
    }

    private async Task<(GuestAgent Agent, Stream Line)> RelayAsync()
    {
        (Stream near, Stream far) = StreamPair.Create();
        _ = _agent.RelayAsync(far);
        return (await GuestAgent.ConnectAsync(near), near);
    }

    private static async Task WaitUntilGoneAsync(int pid)
    {
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
        while (Directory.Exists($"/proc/{pid}")) await Task.Delay(10, limit.Token);
    }
}
