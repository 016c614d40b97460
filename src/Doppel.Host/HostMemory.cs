namespace Doppel.Host;

/// <summary>
/// A block of zeroed host memory that backs guest RAM. It is a memfd mapped shared, so that a snapshot can map it back and
/// a fork can map it copy-on-write. Pages are committed by the kernel on first touch only.
/// Thread contract: the object is immutable; its bytes are shared by all threads of the machine.
/// </summary>
public sealed class HostMemory : IDisposable
{
    private readonly int _fd;
    private bool _disposed;

    private HostMemory(int fd, nint address, ulong length)
    {
        _fd = fd;
        Address = address;
        Length = length;
    }

    /// <summary>Host virtual address (Hva) of the first byte.</summary>
    public nint Address { get; }

    /// <summary>Length in bytes, a multiple of the page size.</summary>
    public ulong Length { get; }

    /// <summary>Reserves memory.</summary>
    /// <param name="name">Name that <c>/proc/PID/maps</c> shows.</param>
    /// <param name="length">Length in bytes, a multiple of 4096.</param>
    /// <exception cref="HostException">The host refuses the mapping.</exception>
    public static HostMemory Create(string name, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(length & 0xFFF, 0UL, nameof(length));
        int fd = Interop.MemfdCreate(name, Interop.MfdCloexec);
        if (fd < 0) throw HostException.FromErrno("memfd_create", name);
        if (Interop.Ftruncate(fd, (long)length) != 0)
        {
            HostException error = HostException.FromErrno("ftruncate", $"{name} to {length} bytes");
            _ = Interop.Close(fd);
            throw error;
        }
        nint address = Interop.Mmap(0, (nuint)length, Interop.ProtRead | Interop.ProtWrite,
            Interop.MapShared | Interop.MapNoReserve, fd, 0);
        if (address == -1)
        {
            HostException error = HostException.FromErrno("mmap", $"{name}, {length} bytes");
            _ = Interop.Close(fd);
            throw error;
        }
        return new HostMemory(fd, address, length);
    }

    /// <summary>Gives the pages back to the host; they read as zero afterwards.</summary>
    /// <param name="offset">Byte offset, page aligned.</param>
    /// <param name="length">Length in bytes, a multiple of the page size.</param>
    public void Discard(ulong offset, ulong length)
    {
        if (offset > Length || length > Length - offset) throw new ArgumentOutOfRangeException(nameof(offset));
        if (Interop.Madvise(Address + (nint)offset, (nuint)length, Interop.MadvRemove) != 0)
            throw HostException.FromErrno("madvise", $"discard of {length} bytes");
    }

    /// <summary>Unmaps the memory. Nobody may hold an address into it any more.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _ = Interop.Munmap(Address, (nuint)Length);
        _ = Interop.Close(_fd);
    }
}
