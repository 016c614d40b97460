using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Doppel.SystemTests.Harness;
using static Doppel.SystemTests.Harness.MachineShed;

namespace Doppel.SystemTests.Machines;

/// <summary>From <c>run -d</c> to <c>rm</c>, by all ways that a machine can end.</summary>
public sealed class MachineLifeTests : IAsyncLifetime
{
    private readonly MachineShed _shed = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _shed.DisposeAsync();

    [ToolFact("apt-get")]
    public async Task Command_InTheBackground_LeavesItsStatusAndItsLogs()
    {
        await _shed.StartAsync("job", "--", "sh", "-c", "echo out; echo err >&2; exit 7");
        Assert.Equal("7\n", await _shed.DoAsync("wait", "job"));
        string logs = await _shed.DoAsync("logs", "job");
        Assert.Equal(["err", "out"], logs.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
        Assert.Equal("err\nout\n".Length, logs.Length);
        Assert.Equal("", await _shed.DoAsync("ps", "-q"));
        Assert.Contains("Exited (7)", await _shed.DoAsync("ps", "-a"), StringComparison.Ordinal);
        Assert.Equal(125, (await _shed.RunAsync("run", "-d", "--name", "job")).Status);
        await _shed.DoAsync("rm", "job");
        Assert.Equal("", await _shed.DoAsync("ps", "-a", "-q"));
    }

    [ToolFact("apt-get")]
    public async Task Logs_Follow_GoOnToTheEnd()
    {
        await _shed.StartAsync("talker", "--", "sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.3; done");
        Assert.Equal("line 1\nline 2\nline 3\n", await _shed.DoAsync("logs", "-f", "talker"));
        Assert.Equal("line 3\n", await _shed.DoAsync("logs", "--tail", "1", "talker"));
    }

    [ToolFact("apt-get")]
    public async Task Stop_AsksTheGuest_WhichEndsInOrder()
    {
        await _shed.StartAsync("web");
        Assert.Equal("", await _shed.DoAsync("exec", "web", "--", "true"));
        Assert.Equal("web\n", await _shed.DoAsync("stop", "web"));
        JsonElement state = await _shed.LookAsync("web");
        Assert.Equal(("exited", 0, "stopped"), (Text(state, "status"), Number(state, "exitCode"), Text(state, "reason")));
        CliResult late = await _shed.RunAsync("exec", "web", "--", "true");
        Assert.Equal(125, late.Status);
        Assert.Contains("Exited (0)", late.ErrorText, StringComparison.Ordinal);
    }

    [ToolFact("apt-get")]
    public async Task Stop_WithoutTime_PullsThePlug()
    {
        await _shed.StartAsync("web");
        await _shed.DoAsync("stop", "-t", "0", "web");
        JsonElement state = await _shed.LookAsync("web");
        Assert.Equal(("exited", 137), (Text(state, "status"), Number(state, "exitCode")));
        Assert.StartsWith("switched off", Text(state, "reason"), StringComparison.Ordinal);
    }

    [ToolFact("apt-get")]
    public async Task Kill_PullsThePlugAtOnce()
    {
        await _shed.StartAsync("web");
        await _shed.DoAsync("kill", "web");
        JsonElement state = await _shed.LookAsync("web");
        Assert.Equal(("exited", 137, "killed"), (Text(state, "status"), Number(state, "exitCode"), Text(state, "reason")));
    }

    [ToolFact("apt-get")]
    public async Task Kill_WithTerm_IsThePowerButton()
    {
        await _shed.StartAsync("web");
        await _shed.DoAsync("kill", "-s", "SIGTERM", "web");
        Assert.Equal("0\n", await _shed.DoAsync("wait", "web"));
        Assert.Equal("asked to switch off", Text(await _shed.LookAsync("web"), "reason"));
        Assert.Equal(2, (await _shed.RunAsync("kill", "-s", "HUP", "web")).Status);
        Assert.Equal(125, (await _shed.RunAsync("kill", "web")).Status);
        Assert.Equal("web\n", await _shed.DoAsync("stop", "web"));
    }

    [ToolFact("apt-get")]
    public async Task Start_AfterTheEnd_RunsTheSameOnceMore()
    {
        await File.WriteAllTextAsync(_shed.File("f"), "shared");
        await _shed.StartAsync("job", "--share", $"{_shed.State}:/mnt", "--", "sh", "-c", "echo run >>/mnt/f; cat /mnt/f");
        await _shed.DoAsync("wait", "job");
        Assert.Equal("job\n", await _shed.DoAsync("start", "-a"));
        await _shed.DoAsync("wait", "job");
        Assert.Equal("sharedrun\nsharedrun\nrun\n", await _shed.DoAsync("logs", "job"));
        await _shed.DoAsync("rename", "job", "work");
        Assert.Equal("work exited 0\n", await _shed.DoAsync("inspect", "-f", "{{.name}} {{.status}} {{.exitCode}}", "work"));
        Assert.Equal("work\n", await _shed.DoAsync("restart", "work"));
        await _shed.DoAsync("rm", "-f", "-a");
        Assert.Equal("", await _shed.DoAsync("ps", "-a", "-q"));
    }

    [ToolFact("apt-get")]
    public async Task Start_ThatFails_LeavesTheMachine()
    {
        await File.WriteAllBytesAsync(_shed.File("disk"), new byte[1 << 20]);
        await _shed.StartAsync("job", "--disk", _shed.File("disk"), "--", "true");
        await _shed.DoAsync("wait", "job");
        File.Delete(_shed.File("disk"));
        CliResult failed = await _shed.RunAsync("start", "job");
        Assert.Equal(125, failed.Status);
        Assert.Contains("machine job did not start", failed.ErrorText, StringComparison.Ordinal);
        Assert.Equal("job\n", await _shed.DoAsync("ps", "-a", "-q"));
    }

    [ToolFact("apt-get", "unshare")]
    public async Task FullDisk_OfTheStateFolder_LosesNoMachine()
    {
        await DoppelCli.EnsureImageAsync();
        string script = $$"""
            mount -t tmpfs -o size=96k none {{_shed.State}}
            doppel() { DOPPEL_STATE={{_shed.State}} DOPPEL_CACHE={{Repository.ImageCache}} dotnet {{DoppelCli.Assembly}} "$@"; }
            doppel run -d --name web
            dd if=/dev/zero of={{_shed.State}}/fill bs=1k 2>/dev/null
            doppel pause web && doppel inspect -f '{{"{{.status}}"}}' web && doppel resume web && doppel exec web -- echo on
            doppel run -d --name two -- true || echo status $?
            doppel stop web
            rm {{_shed.State}}/fill
            doppel ps -a --format '{{"{{.name}} {{.status}} {{.reason}}"}}'
            doppel rm web
            """;
        (_, string output) = await Tool.RunAsync("unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script);
        Assert.StartsWith("web\nweb\npaused\nweb\non\nstatus 125\nweb\nweb exited stopped\nweb\n", output, StringComparison.Ordinal);
        Assert.Contains("doppel: No space left on device", output, StringComparison.Ordinal);
    }

    [ToolFact("apt-get")]
    public async Task Rename_WhileItRuns_IsReachedByTheNewName()
    {
        await _shed.StartAsync("web");
        await _shed.StartAsync("db");
        Assert.Equal(125, (await _shed.RunAsync("rename", "web", "db")).Status);
        await _shed.DoAsync("rename", "web", "site");
        Assert.Equal("hello\n", await _shed.DoAsync("exec", "site", "--", "echo", "hello"));
        Assert.Equal("db\nsite\n", await _shed.DoAsync("ps", "-q"));
        Assert.Equal("site\n", await _shed.DoAsync("ps", "-q", "--filter", "name=it"));
        Assert.Equal("db\nsite\n", await _shed.DoAsync("stop", "-a"));
        Assert.Equal("exited", Text(await _shed.LookAsync("site"), "status"));
        await _shed.StartAsync("db", "--replace");
    }

    [ToolFact("apt-get")]
    public async Task ProcessKilled_IsSeenAsDeadAtOnce()
    {
        await _shed.StartAsync("web");
        int process = Number(await _shed.LookAsync("web"), "pid");
        using Process waiting = _shed.Start("wait", "web");
        await Tool.RunAsync("/bin/kill", "-9", process.ToString(CultureInfo.InvariantCulture));
        await waiting.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        JsonElement state = await _shed.LookAsync("web");
        Assert.Equal("dead", Text(state, "status"));
        Assert.Contains($"{process}", Text(state, "reason"), StringComparison.Ordinal);
        CliResult exec = await _shed.RunAsync("exec", "web", "--", "true");
        Assert.Equal(125, exec.Status);
        Assert.Contains("killed or crashed", exec.ErrorText, StringComparison.Ordinal);
        await _shed.DoAsync("rm", "web");
        await _shed.StartAsync("web");
    }

    [ToolFact("apt-get")]
    public async Task ProcessTerminated_EndsTheGuestInOrder()
    {
        await _shed.StartAsync("web");
        await _shed.DoAsync("exec", "web", "--", "true");
        int process = Number(await _shed.LookAsync("web"), "pid");
        await Tool.RunAsync("/bin/kill", "-TERM", process.ToString(CultureInfo.InvariantCulture));
        Assert.Equal("0\n", await _shed.DoAsync("wait", "web"));
        Assert.Equal("exited", Text(await _shed.LookAsync("web"), "status"));
    }

    [ToolFact("apt-get")]
    public async Task Pause_HoldsTheGuestUntilResume()
    {
        await _shed.StartAsync("web");
        await _shed.DoAsync("exec", "web", "--", "true");
        await _shed.DoAsync("pause", "web");
        Assert.Equal("paused", Text(await _shed.LookAsync("web"), "status"));
        CliResult refused = await _shed.RunAsync("exec", "web", "--", "true");
        Assert.Equal(125, refused.Status);
        Assert.Contains("doppel resume web", refused.ErrorText, StringComparison.Ordinal);
        Assert.Equal(1, (await _shed.RunAsync("pause", "web")).Status / 125);
        await _shed.DoAsync("resume", "web");
        Assert.Equal("on\n", await _shed.DoAsync("exec", "web", "--", "echo", "on"));
    }

    [ToolFact("apt-get")]
    public async Task Resume_SetsTheGuestsClock()
    {
        await _shed.StartAsync("web");
        await _shed.DoAsync("exec", "web", "--", "date", "-s", "@1000000000");
        await _shed.DoAsync("pause", "web");
        await _shed.DoAsync("resume", "web");
        long before = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        long guest = long.Parse(await _shed.DoAsync("exec", "web", "--", "date", "+%s"), CultureInfo.InvariantCulture);
        Assert.InRange(guest, before - 1, DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1);
    }

    [ToolFact("apt-get")]
    public async Task Rm_OfARunningMachine_NeedsForce()
    {
        await _shed.StartAsync("web");
        CliResult refused = await _shed.RunAsync("rm", "web");
        Assert.Equal(125, refused.Status);
        Assert.Contains("doppel rm -f web", refused.ErrorText, StringComparison.Ordinal);
        await _shed.DoAsync("rm", "-f", "web");
        Assert.Equal("", await _shed.DoAsync("ps", "-a", "-q"));
    }

    [ToolFact("apt-get")]
    public async Task Rm_AutoRemove_LeavesNothing()
    {
        await _shed.StartAsync("brief", "--rm", "--", "true");
        await _shed.RunAsync("wait", "brief");
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(2));
        while (Directory.EnumerateFileSystemEntries(_shed.File("machines")).Any()) await Task.Delay(20, limit.Token);
    }

    [ToolFact("apt-get")]
    public async Task Name_WantedByMany_IsGivenToOne()
    {
        await DoppelCli.EnsureImageAsync();
        CliResult[] results = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => _shed.RunAsync("run", "-d", "--name", "one")));
        Assert.Equal([0, 125, 125, 125, 125], results.Select(static r => r.Status).Order());
        Assert.Equal("one\n", await _shed.DoAsync("ps", "-q"));
    }

    [ToolFact("apt-get")]
    public async Task Name_NotGiven_IsMadeUp()
    {
        await DoppelCli.EnsureImageAsync();
        string name = await _shed.DoAsync("run", "-d");
        Assert.Matches("^[a-z]+-[a-z]+\n$", name);
        Assert.Equal(name, await _shed.DoAsync("ps", "-q"));
        Assert.Equal(2, (await _shed.RunAsync("run", "-d", "--name", "../evil")).Status);
    }

    [ToolFact("apt-get")]
    public async Task Start_ThatFails_SaysWhyAndLeavesNothing()
    {
        await DoppelCli.EnsureImageAsync();
        CliResult result = await _shed.RunAsync("run", "-d", "--name", "web", "--disk", _shed.File("none.img"));
        Assert.Equal(125, result.Status);
        Assert.Contains("none.img", result.ErrorText, StringComparison.Ordinal);
        Assert.Equal("", await _shed.DoAsync("ps", "-a", "-q"));
    }

    [ToolFact("apt-get")]
    public async Task Foreground_WithAName_IsReachedToo()
    {
        await DoppelCli.EnsureImageAsync();
        using Process process = _shed.Start("run", "--name", "fore", "--", "sh", "-c", "echo ready; sleep 1000");
        Assert.Equal("ready", await process.StandardOutput.ReadLineAsync());
        Assert.Equal("hello\n", await _shed.DoAsync("exec", "fore", "--", "echo", "hello"));
        Assert.Equal(125, (await _shed.RunAsync("attach", "fore")).Status);
        await _shed.DoAsync("stop", "fore");
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal("", await _shed.DoAsync("ps", "-a", "-q"));
    }
}
