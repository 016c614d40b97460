using System.Globalization;

namespace Doppel.Host;

/// <summary>
/// A process by its number and the moment it was started: numbers are used again, the pair is not. Thread contract: immutable.
/// </summary>
/// <param name="Id">Process number.</param>
/// <param name="StartTicks">Start, in clock ticks after the host's boot.</param>
public readonly record struct ProcessIdentity(int Id, long StartTicks)
{
    /// <summary>This process.</summary>
    public static ProcessIdentity Current => new(Environment.ProcessId, ReadStart(Environment.ProcessId) ?? 0);

    /// <summary>True while the process exists and is no zombie.</summary>
    public bool IsAlive => ReadStart(Id) == StartTicks;

    /// <summary>Sends a signal, if it is still the same process.</summary>
    /// <returns>False if it is not, or may not be signalled.</returns>
    public bool TrySignal(int signal) => IsAlive && Interop.Kill(Id, signal) == 0;

    // proc(5): the name in parentheses may hold anything; state is field 3, the start field 22.
    private static long? ReadStart(int id)
    {
        try
        {
            string line = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat"));
            string[] fields = line[(line.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : long.Parse(fields[19], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or IndexOutOfRangeException)
        {
            return null;
        }
    }
}

/// <summary>Turns this process into one that runs in the background. Thread contract: once, early, by one thread.</summary>
public static class BackgroundProcess
{
    private const uint OwnerOnly = 0x180;

    /// <summary>Leaves the terminal's session: the end of it, and its keys, do not reach this process any more.</summary>
    public static void LeaveSession()
    {
        // Fails only for the head of a process group, which has left already.
        _ = Interop.SetSid();
    }

    /// <summary>Gives the standard streams up: input is empty, output and errors go to a file.</summary>
    /// <param name="logPath">The file; what it holds is kept.</param>
    /// <exception cref="HostException">The file cannot be opened.</exception>
    public static void RedirectStreams(string logPath)
    {
        Replace(0, "/dev/null", Interop.OpenReadWrite);
        Replace(1, logPath, Interop.OpenWriteOnly | Interop.OpenCreate | Interop.OpenAppend);
        _ = Interop.Dup2(1, 2);
    }

    private static void Replace(int fd, string path, int flags)
    {
        int opened = Interop.Open(path, flags, OwnerOnly);
        if (opened < 0) throw HostException.FromErrno("open", path);
        _ = Interop.Dup2(opened, fd);
        if (opened != fd) _ = Interop.Close(opened);
    }
}
