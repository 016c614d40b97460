using System.Runtime.InteropServices;

namespace Doppel.Host;

/// <summary>
/// A few words of memory that several processes of one user see, kept in a small file, or that one process keeps for itself. All begin as zero.
/// Thread contract: the words are shared by threads and processes alike: read and write them with <see cref="Volatile"/> and <see cref="Interlocked"/>.
/// </summary>
public sealed unsafe class SharedWords : IDisposable
{
    private const int NoFollow = 0x20000;
    private const uint OwnerOnly = 0x180;

    private readonly nint _mapping;
    private readonly int _count;
    private bool _disposed;

    private SharedWords(nint mapping, int count)
    {
        _mapping = mapping;
        _count = count;
    }

    /// <summary>The words. Valid until <see cref="Dispose"/>.</summary>
    public Span<long> Words
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            // SAFETY: the mapping has that many words and lives until Dispose.
            unsafe { return new Span<long>((void*)_mapping, _count); }
        }
    }

    /// <summary>Words of this process alone.</summary>
    /// <exception cref="HostException">The host refuses memory.</exception>
    public static SharedWords Create(int count) => Map(-1, Interop.MapPrivate | Interop.MapAnonymous, count, "shared words");

    /// <summary>Words in a file, which is created if there is none, for its owner alone.</summary>
    /// <param name="path">The file; a symbolic link is refused.</param>
    /// <param name="count">Number of words; a shorter file grows.</param>
    /// <exception cref="HostException">The file cannot be opened or made long enough.</exception>
    public static SharedWords Open(string path, int count)
    {
        int fd = Interop.Open(path, Interop.ORdwr | Interop.OCloexec | Interop.OpenCreate | NoFollow, OwnerOnly);
        if (fd < 0) throw HostException.FromErrno("open", path);
        try
        {
            // A file on a disk that is full would end the process at the first store to it, so its blocks are taken now.
            int error = Interop.PosixFallocate(fd, 0, (long)count * sizeof(long));
            if (error != 0) throw new HostException($"cannot make room in {path}: {Marshal.GetPInvokeErrorMessage(error)}");
            return Map(fd, Interop.MapShared, count, path);
        }
        finally
        {
            _ = Interop.Close(fd);
        }
    }

    /// <summary>Unmaps the words.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _ = Interop.Munmap(_mapping, (nuint)_count * sizeof(long));
    }

    private static SharedWords Map(int fd, int flags, int count, string name)
    {
        nint mapping = Interop.Mmap(0, (nuint)count * sizeof(long), Interop.ProtRead | Interop.ProtWrite, flags, fd, 0);
        return mapping == -1 ? throw HostException.FromErrno("mmap", name) : new SharedWords(mapping, count);
    }
}
