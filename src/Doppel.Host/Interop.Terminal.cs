using System.Runtime.InteropServices;

namespace Doppel.Host;

internal static unsafe partial class Interop
{
    internal const int TcsaNow = 0;
    internal const int EINTR = 4, EIO = 5, EAGAIN = 11, EPIPE = 32;
    internal const short PollOut = 4;
    internal const nuint TiocGwinsz = 0x5413;

    /// <summary>Large enough for <c>struct termios</c> of every C library.</summary>
    internal const int TermiosBytes = 256;

    /// <summary>Place of <c>c_oflag</c>, the second of the four flag words that every Linux has in front.</summary>
    internal const int TermiosOutputFlags = 4;

    [StructLayout(LayoutKind.Sequential)]
    internal struct WinSize
    {
        internal ushort Rows, Columns, PixelWidth, PixelHeight;
    }

    [LibraryImport(Libc, EntryPoint = "isatty", SetLastError = true)]
    internal static partial int IsATty(int fd);

    [LibraryImport(Libc, EntryPoint = "tcgetattr", SetLastError = true)]
    internal static partial int TcGetAttr(int fd, void* termios);

    [LibraryImport(Libc, EntryPoint = "tcsetattr", SetLastError = true)]
    internal static partial int TcSetAttr(int fd, int actions, void* termios);

    [LibraryImport(Libc, EntryPoint = "cfmakeraw")]
    internal static partial void CfMakeRaw(void* termios);

    [LibraryImport(Libc, EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int Ioctl(int fd, nuint request, void* argument);
}
