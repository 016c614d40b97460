using System.Buffers.Binary;

namespace Doppel.Core.Bus;

/// <summary>
/// The map from guest-physical addresses to devices. Built by the board before the machine runs, immutable afterwards.
/// Thread contract: <see cref="TryRead"/> and <see cref="TryWrite"/> from any vCPU thread at once; devices lock for themselves.
/// </summary>
public sealed class MmioBus
{
    private Entry[] _entries = [];

    /// <summary>The windows, in address order.</summary>
    public IEnumerable<MmioWindow> Windows => _entries.Select(e => e.Window);

    /// <summary>Puts a device on the bus. Only before the machine runs.</summary>
    /// <exception cref="ArgumentException">The window overlaps another or is malformed.</exception>
    public void Attach(MmioWindow window, IMmioDevice device)
    {
        if (window.Size == 0 || window.MinAccess > window.MaxAccess || window.MaxAccess > 8)
            throw new ArgumentException($"Window {window.Name} is malformed", nameof(window));
        foreach (Entry other in _entries)
        {
            if (window.Base < other.Window.Base + other.Window.Size && other.Window.Base < window.Base + window.Size)
                throw new ArgumentException($"Windows {window.Name} and {other.Window.Name} overlap", nameof(window));
        }
        Entry[] entries = [.. _entries, new Entry(window, device)];
        Array.Sort(entries, static (a, b) => a.Window.Base.CompareTo(b.Window.Base));
        _entries = entries;
    }

    /// <summary>A load of 1, 2, 4 or 8 bytes. False where no device answers (the guest gets an access fault).</summary>
    public bool TryRead(ulong gpa, int size, out ulong value)
    {
        value = 0;
        if (Find(gpa, size) is not { } entry) return false;
        ulong offset = gpa - entry.Window.Base;
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        if (size < entry.Window.MinAccess || !IsAligned(entry.Window, offset))
        {
            ReadWidened(entry, offset, bytes[..size]);
        }
        else
        {
            int step = StepOf(entry.Window, offset, size);
            for (int i = 0; i < size; i += step) entry.Device.Read(offset + (ulong)i, bytes.Slice(i, step));
        }
        value = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        return true;
    }

    /// <summary>A store of 1, 2, 4 or 8 bytes. False where no device answers, or takes no access as narrow or as misaligned as this one.</summary>
    public bool TryWrite(ulong gpa, int size, ulong value)
    {
        if (Find(gpa, size) is not { } entry || size < entry.Window.MinAccess) return false;
        ulong offset = gpa - entry.Window.Base;
        if (!IsAligned(entry.Window, offset)) return false;
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        int step = StepOf(entry.Window, offset, size);
        for (int i = 0; i < size; i += step) entry.Device.Write(offset + (ulong)i, bytes.Slice(i, step));
        return true;
    }

    /// <summary>Finds the window that holds an address, for diagnostics.</summary>
    public MmioWindow? FindWindow(ulong gpa) => Find(gpa, 1)?.Window;

    private static bool IsAligned(in MmioWindow window, ulong offset) => (offset & (ulong)(window.MinAccess - 1)) == 0;

    private static int StepOf(in MmioWindow window, ulong offset, int size)
    {
        int step = Math.Min(size, window.MaxAccess);
        // A misaligned access falls apart into the widest naturally aligned pieces that the device takes.
        while (step > window.MinAccess && (offset & (ulong)(step - 1)) != 0) step >>= 1;
        return step;
    }

    private static void ReadWidened(Entry entry, ulong offset, Span<byte> data)
    {
        int wide = entry.Window.MinAccess;
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        ulong aligned = offset & ~(ulong)(wide - 1);
        entry.Device.Read(aligned, bytes[..wide]);
        int shift = (int)(offset - aligned);
        bytes.Slice(shift, Math.Min(data.Length, 8 - shift)).CopyTo(data);
    }

    private Entry? Find(ulong gpa, int size)
    {
        Entry[] entries = _entries;
        int low = 0, high = entries.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >> 1;
            Entry entry = entries[middle];
            if (gpa < entry.Window.Base) high = middle - 1;
            else if (gpa - entry.Window.Base >= entry.Window.Size) low = middle + 1;
            else return (ulong)size <= entry.Window.Size - (gpa - entry.Window.Base) ? entry : null;
        }
        return null;
    }

    private sealed record Entry(MmioWindow Window, IMmioDevice Device);
}
