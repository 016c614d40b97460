using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Host;

internal static unsafe partial class Interop
{
    internal const int FallocKeepSize = 1, FallocPunchHole = 2, FallocZeroRange = 0x10;
    internal const int SeekEnd = 2, SeekData = 3, SeekHole = 4;
    internal const nuint Ficlone = 0x40049409;
    internal const int AtFdcwd = -100, AtSymlinkNofollow = 0x100;
    internal const uint StatxType = 1, StatxInode = 0x100, StatxDirectAlignment = 0x2000;
    internal const int StatxBytes = 256, StatxBlockSizeOffset = 4, StatxModeOffset = 28;
    internal const int StatxInodeOffset = 32, StatxDeviceMajorOffset = 136, StatxDeviceMinorOffset = 140;
    internal const int StatxMemoryAlignmentOffset = 152, StatxOffsetAlignmentOffset = 156;
    internal const int AtEmptyPath = 0x1000;
    internal const int FcntlGetFlags = 3, FcntlSetFlags = 4, FcntlGetFileLock = 36, FcntlSetFileLock = 37;
    internal const short LockToRead = 0, LockToWrite = 1, LockNone = 2;
    internal const int ReadNoWait = 8;
    internal const ushort TypeMask = 0xF000, RegularType = 0x8000, SocketFileType = 0xC000;
    internal const ushort FolderType = 0x4000, CharacterDeviceType = 0x2000, PipeType = 0x1000;
    internal const int Eintr = 4, Ewouldblock = 11, Enospc = 28, Eopnotsupp = 95, Edquot = 122;

    /// <summary>O_DIRECT, which is not the same number everywhere.</summary>
    internal static int OpenDirect => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x1_0000 : 0x4000;

    [LibraryImport(Libc, EntryPoint = "preadv2", SetLastError = true)]
    internal static partial nint Preadv2(SafeFileHandle file, HostBuffer* buffers, int count, long offset, int flags);

    [LibraryImport(Libc, EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Fcntl(SafeFileHandle file, int command, int argument);

    [LibraryImport(Libc, EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Fcntl(SafeFileHandle file, int command, FileLock* argument);

    [LibraryImport(Libc, EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Statx(SafeFileHandle file, string path, int flags, uint mask, byte* result);

    [LibraryImport(Libc, EntryPoint = "preadv", SetLastError = true)]
    internal static partial nint Preadv(SafeFileHandle file, HostBuffer* buffers, int count, long offset);

    [LibraryImport(Libc, EntryPoint = "pwritev", SetLastError = true)]
    internal static partial nint Pwritev(SafeFileHandle file, HostBuffer* buffers, int count, long offset);

    [LibraryImport(Libc, EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Statx(int folder, string path, int flags, uint mask, byte* result);

    [LibraryImport(Libc, EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Link(string path, string newPath);

    [LibraryImport(Libc, EntryPoint = "fdatasync", SetLastError = true)]
    internal static partial int Fdatasync(SafeFileHandle file);

    [LibraryImport(Libc, EntryPoint = "fallocate", SetLastError = true)]
    internal static partial int Fallocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport(Libc, EntryPoint = "lseek", SetLastError = true)]
    internal static partial long Lseek(SafeFileHandle file, long offset, int whence);

    [LibraryImport(Libc, EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int FileClone(SafeFileHandle target, nuint request, SafeFileHandle source);

    // struct flock of 64-bit Linux.
    [StructLayout(LayoutKind.Sequential)]
    internal struct FileLock
    {
        internal short Type;
        internal short Whence;
        internal long Start;
        internal long Length;
        internal int Process;
    }
}
