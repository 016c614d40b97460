using System.Runtime.CompilerServices;
using Doppel.Host;

namespace Doppel.Core.Memory;

/// <summary>What is known of one page of guest RAM. Engines and devices set bits; nobody stores a page's whole byte.</summary>
[Flags]
public enum PageFlags : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>An engine holds decoded or translated instructions of this page: stores must report themselves.</summary>
    HasCode = 1,

    /// <summary>The page was written since its code was decoded; the next instruction fence drops that code.</summary>
    CodeWritten = 2,
}

/// <summary>
/// The guest-physical memory of a machine: a few RAM and ROM regions, each one host mapping. Devices reach the guest's memory only
/// through this class, so no guest address can lead outside it.
/// Thread contract: all members may be called from any thread; the guest's memory itself is shared and racy, as on real hardware:
/// read each field once into a local.
/// </summary>
public sealed unsafe class GuestMemory : IDisposable
{
    private readonly Region[] _regions;
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
    }

    /// <summary>The regions, in the order they were given.</summary>
    public IEnumerable<RamRegion> Regions => _regions.Select(r => r.Description);

    /// <summary>Finds the host address of a guest-physical range that lies wholly in one region.</summary>
    /// <param name="gpa">Guest-physical address.</param>
    /// <param name="length">Length in bytes; zero is allowed.</param>
    /// <param name="writable">True if the range will be written by the guest or by a device: ROM is refused.</param>
    /// <param name="hva">Host address, or zero.</param>
    public bool TryTranslate(ulong gpa, ulong length, bool writable, out nint hva)
    {
        foreach (Region region in _regions)
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

    /// <summary>Notes that a range was written by other means than this class, so that code decoded from it is looked at again.</summary>
    public void MarkWritten(ulong gpa, ulong length)
    {
        if (length == 0) return;
        foreach (Region region in _regions)
        {
            ulong offset = gpa - region.Description.Base;
            if (offset >= region.Description.Size) continue;
            ulong last = Math.Min(offset + length - 1, region.Description.Size - 1) >> 12;
            for (ulong page = offset >> 12; page <= last; page++)
            {
                if ((region.Flags[page] & (byte)PageFlags.HasCode) != 0) SetBits(region.Flags + page, PageFlags.CodeWritten);
            }
            return;
        }
    }

    /// <summary>Address of the flags byte (<see cref="PageFlags"/>) of the page that holds a guest-physical address, or null.</summary>
    internal byte* FlagsOf(ulong gpa)
    {
        foreach (Region region in _regions)
        {
            ulong offset = gpa - region.Description.Base;
            if (offset < region.Description.Size) return region.Flags + (offset >> 12);
        }
        return null;
    }

    /// <summary>Sets bits of a flags byte, atomically against other threads.</summary>
    internal static void SetBits(byte* flags, PageFlags bits) => Update(flags, (byte)bits, 0);

    /// <summary>Clears bits of a flags byte, atomically against other threads.</summary>
    internal static void ClearBits(byte* flags, PageFlags bits) => Update(flags, 0, (byte)bits);

    /// <summary>Unmaps everything. The machine must have stopped.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        foreach (Region region in _regions) region.Free();
    }

    private static void Update(byte* flags, byte set, byte clear)
    {
        ref byte target = ref Unsafe.AsRef<byte>(flags);
        byte seen = Volatile.Read(ref target);
        while (true)
        {
            byte before = Interlocked.CompareExchange(ref target, (byte)((seen | set) & ~clear), seen);
            if (before == seen) return;
            seen = before;
        }
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
        internal readonly HostMemory FlagBytes;
        internal readonly byte* Flags;

        internal Region(RamRegion description)
        {
            Description = description;
            Host = HostMemory.Create($"doppel-{description.Name}", description.Size);
            try
            {
                // One byte a page, lazily committed like the RAM itself: a 1 TiB machine must not cost 256 MiB at start.
                FlagBytes = HostMemory.Create($"doppel-{description.Name}-flags", ((description.Size >> 12) + 0xFFF) & ~0xFFFUL);
                Flags = (byte*)FlagBytes.Address;
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
            FlagBytes.Dispose();
        }
    }
}
