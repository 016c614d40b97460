using System.Runtime.InteropServices;

namespace Doppel.Host;

/// <summary>Threads and the processors that they may use (sched(7), clock_gettime(2)).</summary>
internal static unsafe partial class Interop
{
    [LibraryImport(Libc, EntryPoint = "gettid", SetLastError = true)]
    internal static partial int GetThreadId();

    [LibraryImport(Libc, EntryPoint = "clock_gettime", SetLastError = true)]
    internal static partial int ClockGetTime(int clock, TimeSpec* time);

    /// <summary>Returns an error number; errno is left alone.</summary>
    [LibraryImport(Libc, EntryPoint = "posix_fallocate")]
    internal static partial int PosixFallocate(int fd, long offset, long length);

    [LibraryImport(Libc, EntryPoint = "sched_setaffinity", SetLastError = true)]
    internal static partial int SetAffinity(int thread, nuint bytes, void* mask);

    [LibraryImport(Libc, EntryPoint = "sched_getaffinity", SetLastError = true)]
    internal static partial int GetAffinity(int thread, nuint bytes, void* mask);
}
