using System.Runtime.CompilerServices;
using Doppel.Host;

namespace Doppel.Core.Memory;

/// <summary>
/// The guest-physical memory of a machine: a few RAM and ROM regions, each one host mapping. Devices reach the guest's memory only
/// through this class, so no guest address can lead outside it.
/// Thread contract: all members may be called from any thread; the guest's memory itself is shared and racy, as on real hardware:
/// read each field once into a local.
/// </summary>
public sealed unsafe class GuestMemory : IDisposable
{
    private readonly Region[] _regions;

    // The same, largest first: nearly every access is to the main memory.
    private readonly Region[] _bySize;
    private uint _codeWrites, _codeWritesBegun;
    private bool _disposed;

    /// <summary>Maps the regions.</summary>
    /// <exception cref="HostException">The host cannot map that much.</exception>
    /// <exception cref="ArgumentException">A region is misaligned or overlaps another.</exception>
    public GuestMemory(params ReadOnlySpan<RamRegion> regions)
    {
        _regions = new Region[regions.Length];
        try
        {
            for (int i = 0; i < regions.Length; i++) _regions[i] = Map(regions, i);
        }
        catch
        {
            foreach (Region region in _regions) region?.Free();
            throw;
        }
        _bySize = [.. _regions];
        Array.Sort(_bySize, static (a, b) => b.Description.Size.CompareTo(a.Description.Size));
    }

    /// <summary>Stores that the board wants to know about.</summary>
    public StoreWatches Watches { get; } = new();

    /// <summary>The regions, in the order they were given.</summary>
    public IEnumerable<RamRegion> Regions => _regions.Select(r => r.Description);

    /// <summary>Host memory that all regions together take now, in bytes.</summary>
    public ulong ResidentBytes
    {
        get
        {
            ulong bytes = 0;
            foreach (Region region in _regions) bytes += region.Host.ResidentBytes;
            return bytes;
        }
    }

    /// <summary>Finds the host address of a guest-physical range that lies wholly in one region.</summary>
    /// <param name="gpa">Guest-physical address.</param>
    /// <param name="length">Length in bytes; zero is allowed.</param>
    /// <param name="writable">True if the range will be written by the guest or by a device: ROM is refused.</param>
    /// <param name="hva">Host address, or zero.</param>
    public bool TryTranslate(ulong gpa, ulong length, bool writable, out nint hva)
    {
        foreach (Region region in _bySize)
        {
            ulong offset = gpa - region.Description.Base;
            if (offset >= region.Description.Size) continue;
            if (length > region.Description.Size - offset || (writable && region.Description.ReadOnly)) break;
            hva = region.Host.Address + (nint)offset;
            return true;
        }
        hva = 0;
        return false;
    }

    /// <summary>Gives the bytes of a range to read, without copying. The guest may change them at any time.</summary>
    public bool TryGetReadSpan(ulong gpa, int length, out ReadOnlySpan<byte> span)
    {
        bool found = TryTranslate(gpa, (ulong)length, writable: false, out nint hva);
        // SAFETY: TryTranslate has shown that [hva, hva + length) lies in one live mapping.
        unsafe { span = found ? new ReadOnlySpan<byte>((void*)hva, length) : default; }
        return found;
    }

    /// <summary>
    /// Gives the bytes of a range that a device is about to fill, and marks its pages as written.
    /// Fill the span before the guest is told; code in it is dropped at the guest's next instruction fence.
    /// </summary>
    public bool TryGetWriteSpan(ulong gpa, int length, out Span<byte> span)
    {
        bool found = TryTranslate(gpa, (ulong)length, writable: true, out nint hva);
        if (found) MarkWritten(gpa, (ulong)length);
        // SAFETY: TryTranslate has shown that [hva, hva + length) lies in one live mapping.
        unsafe { span = found ? new Span<byte>((void*)hva, length) : default; }
        return found;
    }

    /// <summary>Copies out of guest memory. False, and nothing copied, where the range is not wholly in one region.</summary>
    public bool TryRead(ulong gpa, Span<byte> destination)
    {
        if (!TryGetReadSpan(gpa, destination.Length, out ReadOnlySpan<byte> source)) return false;
        source.CopyTo(destination);
        return true;
    }

    /// <summary>Copies into guest memory. False, and nothing copied, where the range is not wholly in one writable region.</summary>
    public bool TryWrite(ulong gpa, ReadOnlySpan<byte> source)
    {
        if (!TryGetWriteSpan(gpa, source.Length, out Span<byte> destination)) return false;
        source.CopyTo(destination);
        return true;
    }

    /// <summary>Reads one little-endian scalar with a single host load (atomic when aligned).</summary>
    public bool TryRead<T>(ulong gpa, out T value)
        where T : unmanaged
    {
        bool found = TryTranslate(gpa, (ulong)sizeof(T), writable: false, out nint hva);
        // SAFETY: TryTranslate has shown that sizeof(T) bytes at hva lie in one live mapping.
        unsafe { value = found ? Unsafe.ReadUnaligned<T>((void*)hva) : default; }
        return found;
    }

    /// <summary>Writes one little-endian scalar with a single host store (atomic when aligned).</summary>
    public bool TryWrite<T>(ulong gpa, T value)
        where T : unmanaged
    {
        if (!TryTranslate(gpa, (ulong)sizeof(T), writable: true, out nint hva)) return false;
        MarkWritten(gpa, (ulong)sizeof(T));
        // SAFETY: TryTranslate has shown that sizeof(T) bytes at hva lie in one live mapping.
        unsafe { Unsafe.WriteUnaligned((void*)hva, value); }
        return true;
    }

    /// <summary>Fills ROM or RAM on behalf of the board, before the machine runs.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range is not wholly in one region.</exception>
    public void Load(ulong gpa, ReadOnlySpan<byte> source)
    {
        if (!TryTranslate(gpa, (ulong)source.Length, writable: false, out nint hva))
            throw new ArgumentOutOfRangeException(nameof(gpa), $"0x{gpa:x}+0x{source.Length:x} is outside guest memory");
        // SAFETY: TryTranslate has shown that the range lies in one live mapping, which is writable on the host's side.
        unsafe { source.CopyTo(new Span<byte>((void*)hva, source.Length)); }
        MarkWritten(gpa, (ulong)source.Length);
    }

    /// <summary>Gives the host memory of a range back; the range reads as zero afterwards, and takes memory again when it is touched.</summary>
    /// <param name="gpa">Guest-physical address, a multiple of 4096.</param>
    /// <param name="length">Length in bytes, a multiple of 4096.</param>
    /// <param name="problem">Why the host did not take it, if that is the reason.</param>
    /// <returns>False, and nothing done, where the range is not wholly in one region of RAM.</returns>
    public bool TryDiscard(ulong gpa, ulong length, out string? problem)
    {
        problem = null;
        foreach (Region region in _bySize)
        {
            ulong offset = gpa - region.Description.Base;
            if (offset >= region.Description.Size) continue;
            if (length > region.Description.Size - offset || region.Description.ReadOnly) break;
            if (!region.Host.TryDiscard(offset, length, out problem)) return false;
            MarkWritten(gpa, length);
            return true;
        }
        return false;
    }

    /// <summary>Notes that a range was written by other means than this class, so that code decoded from it is looked at again.</summary>
    public void MarkWritten(ulong gpa, ulong length)
    {
        if (length == 0) return;
        foreach (Region region in _bySize)
        {
            ulong offset = gpa - region.Description.Base;
            if (offset >= region.Description.Size) continue;
            ulong last = Math.Min(offset + length - 1, region.Description.Size - 1) >> 12;
            for (ulong page = offset >> 12; page <= last; page++)
            {
                Disarm(region.Stamps + page);
            }
            return;
        }
    }

    /// <summary>Number of times so far that an armed page was written: ask before looking for stamps that have changed.</summary>
    public uint CodeWrites => Volatile.Read(ref _codeWrites);

    /// <summary>
    /// True if a stamp may have changed that did not show its change yet when <see cref="CodeWrites"/> had a value. If not, no code that was
    /// decoded or translated then is stale.
    /// </summary>
    internal bool HasCodeWritesSince(uint codeWrites) => Volatile.Read(ref _codeWritesBegun) != codeWrites;

    /// <summary>
    /// Address of the code stamp of the page that holds a guest-physical address, or null. A stamp is odd while the page is armed: an engine holds
    /// code made from it, so stores must take the slow path and disarm it first. Code is stale when its page's stamp is no longer the odd
    /// value that <see cref="Arm"/> gave when the code was made.
    /// </summary>
    internal uint* StampOf(ulong gpa)
    {
        foreach (Region region in _bySize)
        {
            ulong offset = gpa - region.Description.Base;
            if (offset < region.Description.Size) return region.Stamps + (offset >> 12);
        }
        return null;
    }

    /// <summary>Arms a page, before its bytes are read to make code of them. The caller then empties the TLBs that can store to it.</summary>
    /// <returns>The stamp that stays as long as the page is not written.</returns>
    internal static uint Arm(uint* stamp)
    {
        ref uint target = ref Unsafe.AsRef<uint>(stamp);
        uint seen = Volatile.Read(ref target);
        while ((seen & 1) == 0)
        {
            uint before = Interlocked.CompareExchange(ref target, seen + 1, seen);
            if (before == seen) return seen + 1;
            seen = before;
        }
        return seen;
    }

    /// <summary>Disarms a page that is about to be written, or was just written. Cheap and without effect on a page that is not armed.</summary>
    internal void Disarm(uint* stamp)
    {
        ref uint target = ref Unsafe.AsRef<uint>(stamp);
        uint seen = Volatile.Read(ref target);
        if ((seen & 1) == 0) return;
        // Two may write to one page at once: the one that finds it disarmed goes on at once, and its fence must not depend on how far the other is.
        Interlocked.Increment(ref _codeWritesBegun);
        Interlocked.CompareExchange(ref target, seen + 1, seen);
        Interlocked.Increment(ref _codeWrites);
    }

    /// <summary>Unmaps everything. The machine must have stopped.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        foreach (Region region in _regions) region.Free();
    }

    private static Region Map(ReadOnlySpan<RamRegion> regions, int index)
    {
        RamRegion region = regions[index];
        if (((region.Base | region.Size) & 0xFFF) != 0 || region.Size == 0)
            throw new ArgumentException($"Region {region.Name} is not page aligned or empty", nameof(regions));
        for (int i = 0; i < index; i++)
        {
            if (region.Base < regions[i].Base + regions[i].Size && regions[i].Base < region.Base + region.Size)
                throw new ArgumentException($"Regions {region.Name} and {regions[i].Name} overlap", nameof(regions));
        }
        return new Region(region);
    }

    private sealed class Region
    {
        internal readonly RamRegion Description;
        internal readonly HostMemory Host;
        internal readonly HostMemory StampBytes;
        internal readonly uint* Stamps;

        internal Region(RamRegion description)
        {
            Description = description;
            Host = HostMemory.Create($"doppel-{description.Name}", description.Size);
            try
            {
                // Lazily committed like the RAM itself: a machine of 1 TiB must not cost 1 GiB of stamps at start.
                StampBytes = HostMemory.Create($"doppel-{description.Name}-stamps", ((description.Size >> 10) + 0xFFF) & ~0xFFFUL);
                Stamps = (uint*)StampBytes.Address;
            }
            catch
            {
                Host.Dispose();
                throw;
            }
        }

        internal void Free()
        {
            Host.Dispose();
            StampBytes.Dispose();
        }
    }
}
