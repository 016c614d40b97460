namespace Doppel.Host;

/// <summary>
/// A block of zeroed host memory that backs guest RAM: private and anonymous, aligned to the host's huge pages and made of them where the
/// host has some, because guest addresses are translated twice and each of the two misses its own TLB
/// (docs/decisions/0008-anonymous-ram.md). Pages are committed by the kernel on first touch only.
/// Thread contract: the object is immutable; its bytes are shared by all threads of the machine.
/// </summary>
public sealed class HostMemory : IDisposable
{
    private const nuint HugePage = 2 << 20;

    private readonly nint _mapping;
    private readonly nuint _mapped;
    private bool _disposed;

    private HostMemory(nint mapping, nuint mapped, ulong length)
    {
        (_mapping, _mapped) = (mapping, mapped);
        Address = length >= HugePage ? (nint)(((nuint)mapping + HugePage - 1) & ~(HugePage - 1)) : mapping;
        Length = length;
    }

    /// <summary>Host virtual address (Hva) of the first byte.</summary>
    public nint Address { get; }

    /// <summary>Length in bytes, a multiple of the page size.</summary>
    public ulong Length { get; }

    /// <summary>Reserves memory.</summary>
    /// <param name="name">What it is for, in errors.</param>
    /// <param name="length">Length in bytes, a multiple of 4096.</param>
    /// <exception cref="HostException">The host refuses the mapping.</exception>
    public static HostMemory Create(string name, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(length & 0xFFF, 0UL, nameof(length));
        nuint mapped = (nuint)length + (length >= HugePage ? HugePage : 0);
        nint mapping = Interop.Mmap(0, mapped, Interop.ProtRead | Interop.ProtWrite,
            Interop.MapPrivate | Interop.MapAnonymous | Interop.MapNoReserve, -1, 0);
        if (mapping == -1) throw HostException.FromErrno("mmap", $"{name}, {length} bytes");
        HostMemory memory = new(mapping, mapped, length);
        // Only advice: without huge pages everything works, slower.
        if (length >= HugePage) _ = Interop.Madvise(memory.Address, (nuint)length, Interop.MadvHugePage);
        return memory;
    }

    /// <summary>Gives the pages back to the host; they read as zero afterwards.</summary>
    /// <param name="offset">Byte offset, page aligned.</param>
    /// <param name="length">Length in bytes, a multiple of the page size.</param>
    /// <param name="problem">What the host says if it refuses, which it does for memory that is locked.</param>
    public bool TryDiscard(ulong offset, ulong length, out string? problem)
    {
        if (offset > Length || length > Length - offset) throw new ArgumentOutOfRangeException(nameof(offset));
        bool done = Interop.Madvise(Address + (nint)offset, (nuint)length, Interop.MadvDontNeed) == 0;
        problem = done ? null : HostException.FromErrno("madvise", $"{length} bytes to give back").Message;
        return done;
    }

    /// <summary>How much of it takes host memory now, in bytes; zero if the host does not say. Takes a millisecond for each 256 MiB.</summary>
    public ulong ResidentBytes
    {
        get
        {
            const int Chunk = 1 << 15, PageBytes = 4096;
            byte[] pages = new byte[Chunk];
            ulong count = 0;
            for (ulong offset = 0; offset < Length; offset += Chunk * PageBytes)
            {
                ulong length = Math.Min(Length - offset, Chunk * PageBytes);
                // SAFETY: the range lies in the live mapping, and the array has a byte for each of its pages.
                unsafe
                {
                    fixed (byte* first = pages)
                    {
                        if (Interop.Mincore(Address + (nint)offset, (nuint)length, first) != 0) return 0;
                    }
                }
                foreach (byte page in pages.AsSpan(0, (int)(length / PageBytes))) count += (ulong)(page & 1);
            }
            return count * PageBytes;
        }
    }

    /// <summary>Unmaps the memory. Nobody may hold an address into it any more.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _ = Interop.Munmap(_mapping, _mapped);
    }
}
