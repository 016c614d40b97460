using System.Buffers.Binary;
using Doppel.Core.Memory;
using Doppel.Devices.Virtio.Queue;
using Doppel.Host;

namespace Doppel.Devices.Virtio.Block;

/// <summary>What a request asks for (virtio 1.2, section 5.2.6).</summary>
internal enum BlockRequestKind : uint
{
    Read = 0,
    Write = 1,
    Flush = 4,
    GetId = 8,
    Discard = 11,
    WriteZeroes = 13,
}

/// <summary>
/// One request on its way through the device: its chain, and its header as it was read, once. Reused for one after the other.
/// Thread contract: one thread at a time; whoever it was handed to.
/// </summary>
internal sealed class BlockRequest(GuestMemory memory)
{
    internal const int HeaderLength = 16;
    private HostBuffer[] _buffers = new HostBuffer[16];

    internal VirtQueueChain Chain { get; } = new(memory);

    /// <summary>Index of the queue that it came from.</summary>
    internal int Queue { get; private set; }

    internal BlockRequestKind Kind { get; private set; }

    internal ulong Sector { get; private set; }

    /// <summary>Bytes to read or to write; for other kinds, bytes of their parameters or of their answer.</summary>
    internal uint Bytes { get; private set; }

    /// <summary>Bytes written from the front of the writable part, once it has been executed.</summary>
    internal uint Written { get; set; }

    /// <summary>The next one of the same batch.</summary>
    internal BlockRequest? Next { get; set; }

    /// <summary>True if it had to wait for space on the host.</summary>
    internal bool HasWaited { get; set; }

    /// <summary>Since when it is kept back, in virtual nanoseconds.</summary>
    internal long KeptSinceNs { get; set; }

    /// <summary>Place of the status: the last byte that the device may write.</summary>
    internal uint StatusOffset => Chain.WritableLength - 1;

    /// <summary>Reads the header. False for a request that has none, or no place for a status.</summary>
    internal bool TryBegin(int queue)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        if (Chain.CopyOut(0, header) != HeaderLength || Chain.WritableLength == 0) return false;
        Queue = queue;
        HasWaited = false;
        Kind = (BlockRequestKind)BinaryPrimitives.ReadUInt32LittleEndian(header);
        Sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        Bytes = Kind is BlockRequestKind.Read or BlockRequestKind.GetId ? StatusOffset : Chain.ReadableLength - HeaderLength;
        return true;
    }

    /// <summary>Host addresses of what is to be filled.</summary>
    internal ReadOnlySpan<HostBuffer> GetWritable()
    {
        MakeRoom();
        return _buffers.AsSpan(0, Chain.GetWritableBuffers(0, Bytes, _buffers));
    }

    /// <summary>Host addresses of what is to be written.</summary>
    internal ReadOnlySpan<HostBuffer> GetReadable()
    {
        MakeRoom();
        return _buffers.AsSpan(0, Chain.GetReadableBuffers(HeaderLength, Bytes, _buffers));
    }

    private void MakeRoom()
    {
        if (_buffers.Length < Chain.SegmentCount) _buffers = new HostBuffer[Math.Max(Chain.SegmentCount, 2 * _buffers.Length)];
    }
}
