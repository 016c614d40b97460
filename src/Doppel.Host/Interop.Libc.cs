using System.Runtime.InteropServices;

namespace Doppel.Host;

/// <summary>Signatures of the C library functions that Doppel calls. Nothing but signatures stands here.</summary>
internal static unsafe partial class Interop
{
    private const string Libc = "libc";

    internal const int ProtRead = 1, ProtWrite = 2, ProtExec = 4;
    internal const int MapShared = 1, MapPrivate = 2, MapFixed = 0x10, MapAnonymous = 0x20, MapNoReserve = 0x4000;
    internal const int MadvDontNeed = 4, MadvRemove = 9, MadvHugePage = 14;
    internal const uint MfdCloexec = 1;

    [LibraryImport(Libc, EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int MemfdCreate(string name, uint flags);

    [LibraryImport(Libc, EntryPoint = "ftruncate", SetLastError = true)]
    internal static partial int Ftruncate(int fd, long length);

    [LibraryImport(Libc, EntryPoint = "mmap", SetLastError = true)]
    internal static partial nint Mmap(nint address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport(Libc, EntryPoint = "munmap", SetLastError = true)]
    internal static partial int Munmap(nint address, nuint length);

    [LibraryImport(Libc, EntryPoint = "mincore", SetLastError = true)]
    internal static partial int Mincore(nint address, nuint length, byte* pages);

    [LibraryImport(Libc, EntryPoint = "madvise", SetLastError = true)]
    internal static partial int Madvise(nint address, nuint length, int advice);

    [LibraryImport(Libc, EntryPoint = "getrandom", SetLastError = true)]
    internal static partial nint Getrandom(byte* buffer, nuint length, uint flags);

    [LibraryImport(Libc, EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int fd);
}
