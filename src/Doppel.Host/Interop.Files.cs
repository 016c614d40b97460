using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Host;

internal static unsafe partial class Interop
{
    internal const int FallocKeepSize = 1, FallocPunchHole = 2, FallocZeroRange = 0x10;
    internal const int SeekEnd = 2;
    internal const int AtFdcwd = -100, AtSymlinkNofollow = 0x100;
    internal const uint StatxType = 1;
    internal const int StatxBytes = 256, StatxModeOffset = 28;
    internal const ushort TypeMask = 0xF000, RegularType = 0x8000;
    internal const int Eintr = 4, Ewouldblock = 11, Eopnotsupp = 95;

    [LibraryImport(Libc, EntryPoint = "preadv", SetLastError = true)]
    internal static partial nint Preadv(SafeFileHandle file, HostBuffer* buffers, int count, long offset);

    [LibraryImport(Libc, EntryPoint = "pwritev", SetLastError = true)]
    internal static partial nint Pwritev(SafeFileHandle file, HostBuffer* buffers, int count, long offset);

    [LibraryImport(Libc, EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Statx(int folder, string path, int flags, uint mask, byte* result);

    [LibraryImport(Libc, EntryPoint = "fdatasync", SetLastError = true)]
    internal static partial int Fdatasync(SafeFileHandle file);

    [LibraryImport(Libc, EntryPoint = "fallocate", SetLastError = true)]
    internal static partial int Fallocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport(Libc, EntryPoint = "lseek", SetLastError = true)]
    internal static partial long Lseek(SafeFileHandle file, long offset, int whence);
}
