namespace Doppel.Devices.Backends.Net.User.Link;

/// <summary>
/// Frames on their way from the device's thread to the event loop's, in order, copied once, without a lock.
/// Thread contract: one thread writes, one reads.
/// </summary>
internal sealed class FrameRing
{
    internal const int LongestFrame = 66 << 10;
    private const int Bytes = 4 << 20;
    private const int Frames = 2048;

    private readonly record struct Entry(long Start, int Length, NetOffload Offload);

    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(Bytes);
    private readonly Entry[] _entries = new Entry[Frames];
    private long _byteTail;
    private long _byteHead;
    private long _tail;
    private long _head;

    internal bool IsEmpty => Volatile.Read(ref _tail) == Volatile.Read(ref _head);

    /// <summary>Puts a frame in; false if there is no room now.</summary>
    internal bool TryWrite(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        if (_tail - Volatile.Read(ref _head) >= Frames) return false;
        long start = _byteTail;
        // A frame lies in one piece; the end of the array is left empty if it does not fit there.
        if ((start % Bytes) + frame.Length > Bytes) start += Bytes - (start % Bytes);
        if (start + frame.Length - Volatile.Read(ref _byteHead) > Bytes) return false;
        frame.CopyTo(_bytes.AsSpan((int)(start % Bytes)));
        _byteTail = start + frame.Length;
        _entries[_tail % Frames] = new(start, frame.Length, offload);
        Volatile.Write(ref _tail, _tail + 1);
        return true;
    }

    /// <summary>Shows the oldest frame, which stays until <see cref="Release"/>.</summary>
    internal bool TryPeek(out ReadOnlySpan<byte> frame, out NetOffload offload)
    {
        frame = default;
        offload = default;
        if (Volatile.Read(ref _tail) == _head) return false;
        Entry entry = _entries[_head % Frames];
        frame = _bytes.AsSpan((int)(entry.Start % Bytes), entry.Length);
        offload = entry.Offload;
        return true;
    }

    /// <summary>Takes the oldest frame out.</summary>
    internal void Release()
    {
        Entry entry = _entries[_head % Frames];
        Volatile.Write(ref _byteHead, entry.Start + entry.Length);
        Volatile.Write(ref _head, _head + 1);
    }
}
