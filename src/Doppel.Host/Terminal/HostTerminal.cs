using System.Runtime.InteropServices;

namespace Doppel.Host.Terminal;

/// <summary>Size of a terminal in character cells.</summary>
/// <param name="Columns">Cells in a row.</param>
/// <param name="Rows">Rows.</param>
public readonly record struct TerminalSize(int Columns, int Rows);

/// <summary>What the host knows about the terminal behind a file descriptor. Thread contract: any thread.</summary>
public static class HostTerminal
{
    /// <summary>True if the file descriptor is a terminal.</summary>
    public static bool IsTerminal(int fd) => Interop.IsATty(fd) == 1;

    /// <summary>Calls back, on the runtime's signal thread, whenever the window of the process's terminal changes its size.</summary>
    /// <returns>Dispose it to end the calls.</returns>
    public static IDisposable OnResize(Action changed)
    {
        if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException();
        return PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => changed());
    }

    /// <summary>The terminal's size, or null if the descriptor is no terminal or the terminal does not know its size.</summary>
    public static TerminalSize? GetSize(int fd)
    {
        Interop.WinSize size = default;
        int result;
        // SAFETY: the kernel writes one WinSize into the local.
        unsafe { result = Interop.Ioctl(fd, Interop.TiocGwinsz, &size); }
        return result == 0 && size.Columns != 0 && size.Rows != 0 ? new TerminalSize(size.Columns, size.Rows) : null;
    }
}
