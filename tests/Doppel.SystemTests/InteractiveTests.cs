using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>The interactive shell in a real terminal.</summary>
public sealed class InteractiveTests
{
    private static readonly TimeSpan s_boot = TimeSpan.FromMinutes(5), s_reaction = TimeSpan.FromMinutes(2);

    private static readonly string s_run = $"DOPPEL_CACHE={Repository.ImageCache} dotnet {DoppelCli.Assembly} run";

    [ToolFact("tmux", "apt-get")]
    public async Task Shell_TypingInterruptResizeAndQuit_ReachTheRightPlace()
    {
        await DoppelCli.EnsureImageAsync();
        await using Tmux tmux = await Tmux.StartAsync(100, 30);
        await tmux.TypeLineAsync("before=$(stty -g); " + s_run + "; echo status=$?; test \"$(stty -g)\" = \"$before\" && echo terminal=same");
        await tmux.WaitForAsync("Run /init as init process", s_boot);
        await tmux.TypeLineAsync("echo sum=$((40 + 2)) $(stty size)");
        await tmux.WaitForAsync("sum=42 30 100", s_boot);

        await tmux.TypeLineAsync("echo begun; sleep 1000; echo interrupted=$?");
        await tmux.WaitForLineAsync("begun", s_reaction);
        await tmux.KeyAsync("C-c");
        await tmux.TypeLineAsync("echo after=$?");
        await tmux.WaitForLineAsync("after=130", s_reaction);

        await tmux.ResizeAsync(120, 40);
        await tmux.TypeLineAsync("until stty size | grep -x '40 120'; do sleep 0.1; done");
        await tmux.WaitForLineAsync("40 120", s_reaction);

        await tmux.KeyAsync("C-a");
        await tmux.TypeAsync("h");
        await tmux.WaitForAsync("Ctrl-A X  quit", s_reaction);
        await tmux.KeyAsync("C-a");
        await tmux.TypeAsync("x");
        await tmux.WaitForAsync("status=130", s_reaction);
        await tmux.WaitForLineAsync("terminal=same", s_reaction);
    }

    [ToolFact("tmux", "apt-get")]
    public async Task Shell_Poweroff_EndsWithZeroAndRestoresTheTerminal()
    {
        await DoppelCli.EnsureImageAsync();
        await using Tmux tmux = await Tmux.StartAsync(80, 24);
        await tmux.TypeLineAsync(s_run + " --serial null; echo status=$?");
        await tmux.WaitForAsync("# ", s_boot);
        await tmux.TypeLineAsync("poweroff");
        await tmux.WaitForAsync("status=0", s_reaction);
        await tmux.TypeHostLineAsync("echo host again");
        await tmux.WaitForLineAsync("host again", s_reaction);
    }

    [ToolFact("tmux", "apt-get")]
    public async Task Terminal_DoppelIsKilled_IsRestoredByTheGuard()
    {
        await DoppelCli.EnsureImageAsync();
        await using Tmux tmux = await Tmux.StartAsync(80, 24);
        using TemporaryFolder folder = new();
        string pid = folder.File("pid");
        // The shell that waits for Doppel does not restore a terminal, so only the guard can.
        await tmux.TypeLineAsync($"sh -c 'sh -c \"echo \\$\\$ >{pid}; export DOPPEL_CACHE={Repository.ImageCache}; exec dotnet {DoppelCli.Assembly} run --serial null\"; echo status=$?; until stty -a | grep -ow -e -icanon -e icanon | grep -x icanon; do sleep 0.1; done'");
        await tmux.WaitForAsync("# ", s_boot);
        await Tool.RunAsync("/bin/kill", "-KILL", (await File.ReadAllTextAsync(pid)).Trim());
        await tmux.WaitForAsync("status=137", s_reaction);
        await tmux.WaitForLineAsync("icanon", s_reaction);
    }

    [ToolFact("tmux", "apt-get")]
    public async Task Command_OnATerminal_GetsTheTerminal()
    {
        await DoppelCli.EnsureImageAsync();
        await using Tmux tmux = await Tmux.StartAsync(90, 25);
        await tmux.TypeLineAsync(s_run + " -- sh -c 'test -t 0 && test -t 1 && stty size && exit 5'; echo status=$?");
        await tmux.WaitForLineAsync("status=5", s_boot);
        await tmux.WaitForLineAsync("25 90", s_reaction);
    }
}
