using System.Runtime.InteropServices;

namespace Doppel.Host.Terminal;

/// <summary>
/// A terminal in raw mode: every key, Ctrl-C too, arrives as bytes. The former mode comes back on <see cref="Dispose"/>, when the
/// process exits by itself or by an unhandled exception, and, through a <see cref="TerminalGuard"/>, when it is killed.
/// Thread contract: all members from any thread.
/// </summary>
public sealed class RawTerminal : IDisposable
{
    private readonly int _fd;
    private readonly byte[] _former;
    private readonly TerminalGuard? _guard;
    private readonly Lock _gate = new();
    private readonly PosixSignalRegistration _continued;
    private bool _disposed;

    private RawTerminal(int fd, byte[] former, TerminalGuard? guard)
    {
        _fd = fd;
        _former = former;
        _guard = guard;
        if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException();
        _continued = PosixSignalRegistration.Create(PosixSignal.SIGCONT, _ => Reenter());
        AppDomain.CurrentDomain.ProcessExit += OnEnd;
        AppDomain.CurrentDomain.UnhandledException += OnEnd;
    }

    /// <summary>Puts a terminal into raw mode.</summary>
    /// <param name="fd">File descriptor of the terminal.</param>
    /// <exception cref="HostException">The descriptor is no terminal.</exception>
    public static RawTerminal Enter(int fd)
    {
        byte[] former = ReadMode(fd);
        TerminalGuard? guard = TerminalGuard.TryStart(fd);
        RawTerminal terminal = new(fd, former, guard);
        terminal.Reenter();
        return terminal;
    }

    // Also after the process was stopped and continued: its shell may have changed the mode meanwhile.
    private void Reenter()
    {
        lock (_gate)
        {
            if (_disposed) return;
            byte[] raw = (byte[])_former.Clone();
            // SAFETY: the buffer is larger than any struct termios and was filled by tcgetattr.
            unsafe
            {
                fixed (byte* mode = raw) Interop.CfMakeRaw(mode);
            }
            // Output stays processed: early boot messages end their lines without a carriage return.
            _former.AsSpan(Interop.TermiosOutputFlags, sizeof(uint)).CopyTo(raw.AsSpan(Interop.TermiosOutputFlags));
            WriteMode(raw);
        }
    }

    /// <summary>Brings the former mode back.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            WriteMode(_former);
        }
        AppDomain.CurrentDomain.ProcessExit -= OnEnd;
        AppDomain.CurrentDomain.UnhandledException -= OnEnd;
        _continued.Dispose();
        _guard?.Dispose();
    }

    private void OnEnd(object? sender, EventArgs e) => Dispose();

    private static byte[] ReadMode(int fd)
    {
        byte[] mode = new byte[Interop.TermiosBytes];
        int result;
        // SAFETY: the buffer is larger than any struct termios.
        unsafe
        {
            fixed (byte* pointer = mode) result = Interop.TcGetAttr(fd, pointer);
        }
        return result == 0 ? mode : throw HostException.FromErrno("tcgetattr", $"file descriptor {fd}");
    }

    // A terminal that has gone away can not be set and need not be.
    private void WriteMode(byte[] mode)
    {
        // SAFETY: the buffer holds the whole struct termios that tcgetattr filled.
        unsafe
        {
            fixed (byte* pointer = mode) _ = Interop.TcSetAttr(_fd, Interop.TcsaNow, pointer);
        }
    }
}
