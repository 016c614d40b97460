using System.ComponentModel;
using System.Diagnostics;

namespace Doppel.Host.Terminal;

/// <summary>
/// A tiny child process that outlives this one by a moment: when this process dies without a word (a crash in generated code,
/// <c>kill -9</c>), the pipe between them breaks and the child restores the terminal's mode. Thread contract: one owner.
/// </summary>
internal sealed class TerminalGuard : IDisposable
{
    // $0 is the terminal. A line on standard input means that all is well; end of file means that the parent is gone.
    private const string Script =
        "trap '' INT QUIT TERM HUP TSTP TTIN TTOU; mode=$(stty -g <\"$0\") || exit; echo; read -r line || stty \"$mode\" <\"$0\"";

    private readonly Process _child;

    private TerminalGuard(Process child) => _child = child;

    /// <summary>Starts the guard and waits until it has noted the mode; null where the host has no <c>setsid</c>, <c>sh</c> or <c>stty</c>.</summary>
    internal static TerminalGuard? TryStart(int fd)
    {
        if (File.ResolveLinkTarget($"/proc/self/fd/{fd}", returnFinalTarget: false) is not { } terminal) return null;
        // A session of its own keeps it out of reach of signals to the process group and of job control.
        ProcessStartInfo start = new("setsid")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in (string[])["sh", "-c", Script, terminal.FullName]) start.ArgumentList.Add(argument);
        try
        {
            Process? child = Process.Start(start);
            if (child?.StandardOutput.ReadLine() is not null) return new TerminalGuard(child);
            child?.Dispose();
        }
        catch (Win32Exception)
        {
            // The host lacks the tools; the other ways of restoring the mode remain.
        }
        return null;
    }

    /// <summary>Tells the child that the mode is restored; it ends.</summary>
    public void Dispose()
    {
        try
        {
            _child.StandardInput.WriteLine();
            _child.StandardInput.Close();
        }
        catch (IOException)
        {
            // Somebody killed the guard; nothing is left to tell it.
        }
        _child.Dispose();
    }
}
