using System.Buffers.Binary;
using Doppel.Core.Memory;
using Doppel.Devices.Backends.Net;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Net;

/// <summary>Puts frames into the driver's buffers. Thread contract: one thread at a time.</summary>
internal sealed class NetReceive
{
    /// <summary>Length of the header: that of all devices of version 1 ends with the count of buffers (virtio 1.2, section 5.1.6).</summary>
    internal const int HeaderSize = VnetHeader.Size + 2;

    // Enough for the longest frame in buffers of half a kilobyte.
    private const int MaxBuffers = 128;

    private readonly VirtQueueChain[] _chains;
    private readonly uint[] _written = new uint[MaxBuffers];

    internal NetReceive(GuestMemory memory) => _chains = [.. Enumerable.Range(0, MaxBuffers).Select(_ => new VirtQueueChain(memory))];

    /// <summary>Hands a frame over, or drops one that can not fit. The queue's lock is held.</summary>
    /// <param name="queue">A receive queue.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="offload">What goes with it.</param>
    /// <param name="merge">True if a frame may take several buffers.</param>
    /// <returns>Negative if it is done; else how many buffers there are, which are too few.</returns>
    internal int TryFill(VirtQueue queue, ReadOnlySpan<byte> frame, in NetOffload offload, bool merge)
    {
        long missing = HeaderSize + frame.Length;
        int count = 0;
        while (missing > 0)
        {
            if (count == MaxBuffers || (count == 1 && !merge))
            {
                queue.Rewind(count);
                return -1;
            }
            VirtQueueChain chain = _chains[count];
            if (!queue.TryPop(chain))
            {
                queue.Rewind(count);
                return count;
            }
            if (chain.WritableLength < (count == 0 ? HeaderSize : 1))
            {
                queue.Fail("a receive buffer has no room for a packet's header");
                return -1;
            }
            _written[count++] = (uint)Math.Min(missing, chain.WritableLength);
            missing -= chain.WritableLength;
        }
        Span<byte> header = stackalloc byte[HeaderSize];
        VnetHeader.Write(offload, header);
        BinaryPrimitives.WriteUInt16LittleEndian(header[VnetHeader.Size..], (ushort)count);
        Copy(header, frame, count);
        queue.Push(_chains.AsSpan(0, count), _written.AsSpan(0, count));
        return -1;
    }

    private void Copy(ReadOnlySpan<byte> header, ReadOnlySpan<byte> frame, int count)
    {
        uint at = (uint)_chains[0].CopyIn(0, header);
        for (int i = 0; i < count; i++)
        {
            int part = (int)(_written[i] - at);
            _chains[i].CopyIn(at, frame[..part]);
            frame = frame[part..];
            at = 0;
        }
    }
}
