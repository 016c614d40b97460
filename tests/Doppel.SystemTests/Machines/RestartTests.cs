using System.Text.Json;
using Doppel.SystemTests.Harness;
using static Doppel.SystemTests.Harness.MachineShed;

namespace Doppel.SystemTests.Machines;

/// <summary>Machines that start again by themselves: <c>run -d --restart</c>.</summary>
public sealed class RestartTests : IAsyncLifetime
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);
    private readonly MachineShed _shed = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _shed.DisposeAsync();

    [ToolFact("apt-get")]
    public async Task OnFailure_CommandThatFails_StartsAgainSoOften()
    {
        await _shed.StartAsync("flaky", "--restart", "on-failure:2", "--", "sh", "-c", "echo life; exit 3");
        Assert.Equal("3\n", await _shed.DoAsync("wait", "flaky"));
        JsonElement state = await _shed.LookAsync("flaky");
        Assert.Equal(("exited", 3, 2), (Text(state, "status"), Number(state, "exitCode"), Number(state, "restarts")));
        Assert.Equal("life\nlife\nlife\n", await _shed.DoAsync("logs", "flaky"));
        await _shed.DoAsync("start", "flaky");
        await _shed.DoAsync("wait", "flaky");
        Assert.Equal(2, Number(await _shed.LookAsync("flaky"), "restarts"));
    }

    [ToolFact("apt-get")]
    public async Task OnFailure_CommandThatSucceeds_EndsTheMachine()
    {
        await _shed.StartAsync("fine", "--restart", "on-failure", "--", "true");
        Assert.Equal("0\n", await _shed.DoAsync("wait", "fine"));
        Assert.Equal(0, Number(await _shed.LookAsync("fine"), "restarts"));
    }

    [ToolFact("apt-get")]
    public async Task Always_GuestThatSwitchesOff_ComesBackUntilItIsStopped()
    {
        await _shed.StartAsync("server", "--restart", "always");
        int first = Number(await _shed.LookAsync("server"), "pid");
        await _shed.DoAsync("exec", "-d", "server", "--", "poweroff");
        JsonElement state = await WaitForAsync("server", static s => Text(s, "status") == "running" && Number(s, "restarts") == 1);
        Assert.Equal(first, Number(state, "pid"));
        Assert.Equal("back\n", await _shed.DoAsync("exec", "server", "--", "echo", "back"));
        await _shed.DoAsync("stop", "server");
        state = await _shed.LookAsync("server");
        Assert.Equal(("exited", "stopped", 1), (Text(state, "status"), Text(state, "reason"), Number(state, "restarts")));
    }

    // The pause has grown to 12.8 s by then.
    [ToolFact("apt-get")]
    public async Task Stop_BetweenTwoLives_IsTheEnd()
    {
        await _shed.StartAsync("flaky", "--restart", "always", "--", "sh", "-c", "exit 4");
        await WaitForAsync("flaky", static s => Text(s, "status") == "restarting" && Number(s, "restarts") >= 7);
        Assert.Contains("Restarting (4) ", await _shed.DoAsync("ps"), StringComparison.Ordinal);
        CliResult refused = await _shed.RunAsync("exec", "flaky", "--", "true");
        Assert.Equal((125, "doppel: flaky: the machine has ended, and starts again in a moment\n"), (refused.Status, refused.ErrorText));
        await _shed.DoAsync("stop", "flaky");
        JsonElement state = await _shed.LookAsync("flaky");
        Assert.Equal(("exited", 4, "stopped"), (Text(state, "status"), Number(state, "exitCode"), Text(state, "reason")));
        await _shed.DoAsync("rm", "flaky");
    }

    [ToolTheory("apt-get")]
    [InlineData("--restart is for a machine in the background", "--restart", "always")]
    [InlineData("--restart and --rm contradict each other", "-d", "--rm", "--restart", "always")]
    [InlineData("--restart sometimes: it is no|on-failure[:MOST]|always|unless-stopped", "-d", "--restart", "sometimes")]
    public async Task Run_RestartThatCanNotBe_IsRefused(string error, params string[] words)
    {
        CliResult result = await _shed.RunAsync(["run", .. words, "--", "true"]);
        Assert.Equal(2, result.Status);
        Assert.Contains(error, result.ErrorText, StringComparison.Ordinal);
    }

    private async Task<JsonElement> WaitForAsync(string name, Func<JsonElement, bool> holds)
    {
        using CancellationTokenSource limit = new(s_patience);
        while (true)
        {
            JsonElement state = await _shed.LookAsync(name);
            if (holds(state)) return state;
            await Task.Delay(20, limit.Token);
        }
    }
}
