using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Host;

/// <summary>
/// Files by descriptor and single names (open(2), openat2(2), statx(2), xattr(7)); the numbers are those of Linux on x86-64 and AArch64.
/// </summary>
internal static unsafe partial class Interop
{
    internal const int OExcl = 0x80, OTrunc = 0x200, ODsync = 0x1000, OSync = 0x10_1000, OPath = 0x20_0000, OTmpfileBit = 0x40_0000;
    internal const int AtRemoveDir = 0x200, AtSymlinkFollow = 0x400;
    internal const uint StatxBasicAndBirth = 0xFFF;
    internal const ulong ResolveNoMagicLinks = 2, ResolveNoSymlinks = 4, ResolveBeneath = 8;
    internal const int RwfNoWait = 8;
    internal const int SeekSet = 0, RlimitNoFile = 7;

    // asm-generic and x86 differ in two flags, and in the number of one system call.
    internal static readonly int ODirectory = IsArm ? 0x4000 : 0x1_0000, ONofollow = IsArm ? 0x8000 : 0x2_0000;
    internal static readonly long SysOpenat2 = 437, SysGetdents64 = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 217 : 61;

    private static bool IsArm => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    /// <summary><c>struct open_how</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct OpenHow
    {
        internal ulong Flags, Mode, Resolve;
    }

    /// <summary><c>struct statx</c>.</summary>
    [StructLayout(LayoutKind.Explicit, Size = StatxBytes)]
    internal struct StatxResult
    {
        [FieldOffset(0)] internal uint Mask;
        [FieldOffset(4)] internal uint BlockSize;
        [FieldOffset(16)] internal uint Links;
        [FieldOffset(20)] internal uint Uid;
        [FieldOffset(24)] internal uint Gid;
        [FieldOffset(28)] internal ushort Mode;
        [FieldOffset(32)] internal ulong Inode;
        [FieldOffset(40)] internal ulong Size;
        [FieldOffset(48)] internal ulong Blocks;
        [FieldOffset(64)] internal StatxTime AccessTime;
        [FieldOffset(80)] internal StatxTime BirthTime;
        [FieldOffset(96)] internal StatxTime ChangeTime;
        [FieldOffset(112)] internal StatxTime ModifyTime;
        [FieldOffset(128)] internal uint RdevMajor;
        [FieldOffset(132)] internal uint RdevMinor;
        [FieldOffset(136)] internal uint DevMajor;
        [FieldOffset(140)] internal uint DevMinor;
    }

    /// <summary><c>struct statx_timestamp</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct StatxTime
    {
        internal long Seconds;
        internal uint Nanoseconds;
        internal int Reserved;
    }

    /// <summary><c>struct statfs</c> of 64-bit kernels.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct StatfsResult
    {
        internal long Type, BlockSize;
        internal ulong Blocks, FreeBlocks, AvailableBlocks, Files, FreeFiles, Id;
        internal long NameLength, FragmentSize, Flags, Spare0, Spare1, Spare2, Spare3;
    }

    /// <summary><c>struct rlimit</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Rlimit
    {
        internal ulong Current, Maximum;
    }

    [LibraryImport(Libc, EntryPoint = "openat", SetLastError = true)]
    internal static partial int Openat(int folder, ref readonly byte path, int flags, uint mode);

    [LibraryImport(Libc, EntryPoint = "openat", SetLastError = true)]
    internal static partial int Openat(SafeFileHandle folder, ref readonly byte path, int flags, uint mode);

    [LibraryImport(Libc, EntryPoint = "syscall", SetLastError = true)]
    internal static partial long Openat2(long number, SafeFileHandle folder, ref readonly byte path, ref readonly OpenHow how, nuint size);

    [LibraryImport(Libc, EntryPoint = "syscall", SetLastError = true)]
    internal static partial long Getdents64(long number, SafeFileHandle folder, ref byte buffer, nuint size);

    [LibraryImport(Libc, EntryPoint = "statx", SetLastError = true)]
    internal static partial int StatxOf(SafeFileHandle file, ref readonly byte path, int flags, uint mask, ref StatxResult result);

    [LibraryImport(Libc, EntryPoint = "fstatfs", SetLastError = true)]
    internal static partial int Fstatfs(SafeFileHandle file, ref StatfsResult result);

    [LibraryImport(Libc, EntryPoint = "mkdirat", SetLastError = true)]
    internal static partial int Mkdirat(SafeFileHandle folder, ref readonly byte name, uint mode);

    [LibraryImport(Libc, EntryPoint = "mknodat", SetLastError = true)]
    internal static partial int Mknodat(SafeFileHandle folder, ref readonly byte name, uint mode, ulong device);

    [LibraryImport(Libc, EntryPoint = "symlinkat", SetLastError = true)]
    internal static partial int Symlinkat(ref readonly byte target, SafeFileHandle folder, ref readonly byte name);

    [LibraryImport(Libc, EntryPoint = "linkat", SetLastError = true)]
    internal static partial int Linkat(
        int oldFolder, ref readonly byte oldPath, SafeFileHandle newFolder, ref readonly byte newName, int flags);

    [LibraryImport(Libc, EntryPoint = "renameat", SetLastError = true)]
    internal static partial int Renameat(
        SafeFileHandle oldFolder, ref readonly byte oldName, SafeFileHandle newFolder, ref readonly byte newName);

    [LibraryImport(Libc, EntryPoint = "unlinkat", SetLastError = true)]
    internal static partial int Unlinkat(SafeFileHandle folder, ref readonly byte name, int flags);

    [LibraryImport(Libc, EntryPoint = "readlinkat", SetLastError = true)]
    internal static partial nint Readlinkat(SafeFileHandle file, ref readonly byte path, ref byte buffer, nuint size);

    [LibraryImport(Libc, EntryPoint = "chmod", SetLastError = true)]
    internal static partial int Chmod(ref readonly byte path, uint mode);

    [LibraryImport(Libc, EntryPoint = "utimensat", SetLastError = true)]
    internal static partial int Utimensat(int folder, ref readonly byte path, ref readonly TimeSpec times, int flags);

    [LibraryImport(Libc, EntryPoint = "truncate", SetLastError = true)]
    internal static partial int Truncate(ref readonly byte path, long length);

    [LibraryImport(Libc, EntryPoint = "ftruncate", SetLastError = true)]
    internal static partial int Ftruncate(SafeFileHandle file, long length);

    [LibraryImport(Libc, EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Fcntl(SafeFileHandle file, int command, ref FileLock range);

    [LibraryImport(Libc, EntryPoint = "fsync", SetLastError = true)]
    internal static partial int Fsync(SafeFileHandle file);

    [LibraryImport(Libc, EntryPoint = "getxattr", SetLastError = true)]
    internal static partial nint Getxattr(ref readonly byte path, ref readonly byte name, ref byte value, nuint size);

    [LibraryImport(Libc, EntryPoint = "listxattr", SetLastError = true)]
    internal static partial nint Listxattr(ref readonly byte path, ref byte names, nuint size);

    [LibraryImport(Libc, EntryPoint = "setxattr", SetLastError = true)]
    internal static partial int Setxattr(ref readonly byte path, ref readonly byte name, ref readonly byte value, nuint size, int flags);

    [LibraryImport(Libc, EntryPoint = "removexattr", SetLastError = true)]
    internal static partial int Removexattr(ref readonly byte path, ref readonly byte name);

    [LibraryImport(Libc, EntryPoint = "preadv", SetLastError = true)]
    internal static partial nint PreadvOnce(SafeFileHandle file, ref readonly HostBuffer buffers, int count, long offset);

    [LibraryImport(Libc, EntryPoint = "preadv2", SetLastError = true)]
    internal static partial nint Preadv2(SafeFileHandle file, ref readonly HostBuffer buffers, int count, long offset, int flags);

    [LibraryImport(Libc, EntryPoint = "pwritev", SetLastError = true)]
    internal static partial nint PwritevOnce(SafeFileHandle file, ref readonly HostBuffer buffers, int count, long offset);

    [LibraryImport(Libc, EntryPoint = "geteuid")]
    internal static partial uint Geteuid();

    [LibraryImport(Libc, EntryPoint = "getegid")]
    internal static partial uint Getegid();

    [LibraryImport(Libc, EntryPoint = "getrlimit", SetLastError = true)]
    internal static partial int Getrlimit(int resource, ref Rlimit limit);
}
