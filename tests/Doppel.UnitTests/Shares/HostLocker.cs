using System.Runtime.InteropServices;

namespace Doppel.UnitTests.Shares;

/// <summary>A program of the host's that locks ranges of a file (fcntl(2), on an open file of its own). Types: 0 shared, 1 exclusive, 2 none.</summary>
internal sealed class HostLocker : IDisposable
{
    private const int ReadWrite = 2, CloseOnExec = 0x80000, GetLock = 36, SetLock = 37;

    private readonly int _file;

    internal HostLocker(string path)
    {
        _file = open(path, ReadWrite | CloseOnExec);
        Assert.True(_file >= 0, $"{path}: {Marshal.GetLastPInvokeError()}");
    }

    public void Dispose() => _ = close(_file);

    /// <summary>Takes or gives up a lock; an error number.</summary>
    internal int Lock(short type, long start, long length)
    {
        FileLock range = new() { Type = type, Start = start, Length = length };
        return fcntl(_file, SetLock, ref range) < 0 ? Marshal.GetLastPInvokeError() : 0;
    }

    /// <summary>What others hold of a byte: "w" an exclusive lock, "r" a shared one, "-" none.</summary>
    internal char Look(long at)
    {
        FileLock range = new() { Type = 1, Start = at, Length = 1 };
        Assert.Equal(0, fcntl(_file, GetLock, ref range));
        return "rw-"[range.Type];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct FileLock
    {
        internal short Type, Whence;
        internal long Start, Length;
        internal int Process;
    }

#pragma warning disable SA1300, IDE1006 // The names are the C library's.
    [DllImport("libc", SetLastError = true)]
    private static extern int open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", SetLastError = true)]
    private static extern int close(int file);

    [DllImport("libc", SetLastError = true)]
    private static extern int fcntl(int file, int command, ref FileLock range);
#pragma warning restore SA1300, IDE1006
}
