using System.Globalization;

namespace Doppel.SystemTests.Harness;

/// <summary>A real terminal: a private tmux server with one window, in which a shell runs.</summary>
internal sealed class Tmux : IAsyncDisposable
{
    private const string Prompt = "host> ";
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(50);

    private readonly string _socket = $"doppel-{Guid.NewGuid():N}";

    internal static async Task<Tmux> StartAsync(int columns, int rows)
    {
        Tmux tmux = new();
        await tmux.CommandAsync("-f", "/dev/null", "new-session", "-d", "-x", Text(columns), "-y", Text(rows), "env", $"PS1={Prompt}", "ENV=", "sh");
        await tmux.CommandAsync("set-option", "-g", "window-size", "manual");
        return tmux;
    }

    /// <summary>Types a text as it stands.</summary>
    internal Task TypeAsync(string text) => CommandAsync("send-keys", "-l", text);

    internal async Task TypeLineAsync(string line)
    {
        await TypeAsync(line);
        await KeyAsync("Enter");
    }

    /// <summary>
    /// Types a line to the host's shell after a guest's. BusyBox's line editor asks the terminal where the cursor is; if it ended before it read
    /// the answer, that stands before what is typed, and is ended as a line of its own.
    /// </summary>
    internal async Task TypeHostLineAsync(string line)
    {
        await KeyAsync("Enter");
        await TypeLineAsync(line);
    }

    /// <summary>Presses a key by tmux's name for it, such as <c>C-a</c>.</summary>
    internal Task KeyAsync(string key) => CommandAsync("send-keys", key);

    internal Task ResizeAsync(int columns, int rows) => CommandAsync("resize-window", "-x", Text(columns), "-y", Text(rows));

    /// <summary>What has been on the screen, scrolled lines included.</summary>
    internal async Task<string> ScreenAsync() => (await Tool.RunAsync("tmux", "-L", _socket, "capture-pane", "-p", "-J", "-S", "-2000")).Output;

    /// <summary>
    /// Waits until a line of the screen is exactly a text, trailing blanks aside, and prompts of the host's shell, which come behind the echo of
    /// what was typed before them.
    /// </summary>
    internal async Task<string> WaitForLineAsync(string line, TimeSpan timeout)
        => await WaitAsync(screen => screen.Split('\n').Any(l => WithoutPrompts(l).TrimEnd() == line.TrimEnd()), line, timeout);

    /// <summary>Waits until a text is on the screen.</summary>
    internal Task<string> WaitForAsync(string text, TimeSpan timeout) => WaitAsync(screen => screen.Contains(text, StringComparison.Ordinal), text, timeout);

    public async ValueTask DisposeAsync() => await Tool.RunAsync("tmux", "-L", _socket, "kill-server");

    private static string WithoutPrompts(string line)
    {
        while (line.StartsWith(Prompt, StringComparison.Ordinal)) line = line[Prompt.Length..];
        return line;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private async Task<string> WaitAsync(Func<string, bool> seen, string what, TimeSpan timeout)
    {
        using CancellationTokenSource limit = new(timeout);
        while (true)
        {
            string screen = await ScreenAsync();
            if (seen(screen)) return screen;
            if (limit.IsCancellationRequested) throw new TimeoutException($"the terminal did not show '{what}'; it shows:\n{screen.TrimEnd()}");
            await Task.Delay(s_poll, CancellationToken.None);
        }
    }

    private async Task CommandAsync(params string[] arguments)
    {
        (int status, string output) = await Tool.RunAsync("tmux", ["-L", _socket, .. arguments]);
        Assert.True(status == 0, output);
    }
}
