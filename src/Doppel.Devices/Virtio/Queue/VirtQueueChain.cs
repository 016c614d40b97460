using Doppel.Core.Memory;
using Doppel.Host;

namespace Doppel.Devices.Virtio.Queue;

/// <summary>
/// One request of the driver: device-readable bytes followed by device-writable ones, scattered over guest memory. Every address was
/// checked when the chain was taken from its queue; the driver's later changes of its descriptors have no effect. The devices see two
/// strings of bytes and do not depend on how they are cut (section 2.7.4.1). Reused for one request after the other.
/// Thread contract: one thread at a time.
/// </summary>
public sealed class VirtQueueChain
{
    /// <summary>Most segments in a chain; more is taken for a driver's error.</summary>
    public const int MaxSegments = 1024;

    private readonly GuestMemory _memory;
    private Segment[] _segments = new Segment[16];
    private int _count;
    private int _readable;

    /// <summary>Creates an empty chain.</summary>
    public VirtQueueChain(GuestMemory memory) => _memory = memory;

    /// <summary>Bytes that the device may read.</summary>
    public uint ReadableLength { get; private set; }

    /// <summary>Bytes that the device may write.</summary>
    public uint WritableLength { get; private set; }

    /// <summary>In how many pieces the request lies in memory, and no stretch of it in more.</summary>
    public int SegmentCount => _count;

    /// <summary>Index of the first descriptor, which names the request to the driver.</summary>
    internal ushort Head { get; private set; }

    /// <summary>Which life of the queue the chain was taken in: after a reset it means nothing any more.</summary>
    internal int Generation { get; private set; }

    /// <summary>Copies readable bytes out.</summary>
    /// <param name="offset">First byte, counted over the readable part.</param>
    /// <param name="destination">Receives them.</param>
    /// <returns>How many were copied; fewer than asked for where the part ends.</returns>
    public int CopyOut(uint offset, Span<byte> destination)
    {
        int done = 0;
        for (int i = 0; i < _readable && done < destination.Length; i++)
        {
            Segment segment = _segments[i];
            if (offset >= segment.Length)
            {
                offset -= segment.Length;
                continue;
            }
            int part = (int)Math.Min(segment.Length - offset, (uint)(destination.Length - done));
            if (!_memory.TryRead(segment.Gpa + offset, destination.Slice(done, part))) break;
            done += part;
            offset = 0;
        }
        return done;
    }

    /// <summary>Copies bytes into the writable part.</summary>
    /// <param name="offset">First byte, counted over the writable part.</param>
    /// <param name="source">The bytes.</param>
    /// <returns>How many were copied; fewer than given where the part ends.</returns>
    public int CopyIn(uint offset, ReadOnlySpan<byte> source)
    {
        int done = 0;
        while (done < source.Length && TryGetWritable(offset + (uint)done, source.Length - done, out Span<byte> span))
        {
            source.Slice(done, span.Length).CopyTo(span);
            done += span.Length;
        }
        return done;
    }

    /// <summary>Gives the longest contiguous piece of readable bytes at an offset.</summary>
    /// <returns>False at the end of the readable part.</returns>
    public bool TryGetReadable(uint offset, int limit, out ReadOnlySpan<byte> span)
    {
        span = default;
        return TryFind(0, _readable, ref offset, out Segment segment)
            && _memory.TryGetReadSpan(segment.Gpa + offset, (int)Math.Min(segment.Length - offset, (uint)limit), out span);
    }

    /// <summary>Gives the longest contiguous piece of writable bytes at an offset.</summary>
    /// <returns>False at the end of the writable part.</returns>
    public bool TryGetWritable(uint offset, int limit, out Span<byte> span)
    {
        span = default;
        return TryFind(_readable, _count, ref offset, out Segment segment)
            && _memory.TryGetWriteSpan(segment.Gpa + offset, (int)Math.Min(segment.Length - offset, (uint)limit), out span);
    }

    /// <summary>Gives the host addresses of a stretch of the readable part.</summary>
    /// <returns>How many buffers were filled in; the array must hold <see cref="SegmentCount"/>.</returns>
    public int GetReadableBuffers(uint offset, uint length, HostBuffer[] buffers) => GetBuffers(0, _readable, offset, length, buffers);

    /// <summary>Gives the host addresses of a stretch of the writable part.</summary>
    /// <returns>How many buffers were filled in; the array must hold <see cref="SegmentCount"/>.</returns>
    public int GetWritableBuffers(uint offset, uint length, HostBuffer[] buffers) => GetBuffers(_readable, _count, offset, length, buffers);

    /// <summary>Gives one of the buffers that the writable part is made of.</summary>
    /// <returns>False behind the last one.</returns>
    public bool TryGetWritableRange(int index, out ulong gpa, out uint length)
    {
        bool found = index < _count - _readable;
        (gpa, length) = found ? (_segments[_readable + index].Gpa, _segments[_readable + index].Length) : default;
        return found;
    }

    /// <summary>Notes, after the fact, that the writable part was filled: code that was decoded meanwhile is stale.</summary>
    internal void MarkWritten()
    {
        for (int i = _readable; i < _count; i++) _memory.MarkWritten(_segments[i].Gpa, _segments[i].Length);
    }

    internal void Begin(ushort head, int generation)
    {
        Head = head;
        Generation = generation;
        _count = _readable = 0;
        ReadableLength = WritableLength = 0;
    }

    /// <summary>Adds one descriptor's buffer, or tells what is wrong with it.</summary>
    internal string? Append(ulong gpa, uint length, bool writable)
    {
        if (length == 0) return null;
        if (!_memory.TryTranslate(gpa, length, writable, out nint hva)) return "a buffer lies outside guest memory";
        // Section 2.7.4.2: writable elements come after all readable ones.
        if (!writable && _count != _readable) return "a readable buffer follows a writable one";
        // Section 2.7.5.2: a chain holds no more than 2^32 bytes.
        if (length > uint.MaxValue - ReadableLength - WritableLength) return "a request is longer than 4 GiB";
        if (_count == MaxSegments) return "a request has too many buffers";
        if (_count == _segments.Length) Array.Resize(ref _segments, _count * 2);
        _segments[_count++] = new Segment(gpa, hva, length);
        if (writable) WritableLength += length;
        else ReadableLength += length;
        if (!writable) _readable++;
        return null;
    }

    private bool TryFind(int first, int end, ref uint offset, out Segment segment)
    {
        for (int i = first; i < end; i++)
        {
            segment = _segments[i];
            if (offset < segment.Length) return true;
            offset -= segment.Length;
        }
        segment = default;
        return false;
    }

    private int GetBuffers(int first, int end, uint offset, uint length, HostBuffer[] buffers)
    {
        int count = 0;
        for (int i = first; i < end && length != 0; i++)
        {
            Segment segment = _segments[i];
            if (offset >= segment.Length)
            {
                offset -= segment.Length;
                continue;
            }
            uint part = Math.Min(segment.Length - offset, length);
            buffers[count++] = new HostBuffer(segment.Hva + (nint)offset, part);
            length -= part;
            offset = 0;
        }
        return count;
    }

    private readonly record struct Segment(ulong Gpa, nint Hva, uint Length);
}
