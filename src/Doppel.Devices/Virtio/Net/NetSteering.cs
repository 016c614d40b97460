using System.Buffers.Binary;

namespace Doppel.Devices.Virtio.Net;

/// <summary>
/// Chooses the receive queue of a frame: the one that belongs to the queue on which the guest last sent a frame of the same flow (virtio
/// 1.2, section 5.1.6.5.5). Thread contract: all members from any thread; a stale answer costs a little speed and nothing else.
/// </summary>
internal sealed class NetSteering
{
    private const int Flows = 1024;
    private const int TypeOffset = 12, Ip4 = 14, Ip6 = 14;

    private readonly byte[] _pairs = new byte[Flows];

    /// <summary>The guest has sent a frame on a pair of queues.</summary>
    internal void Learn(ReadOnlySpan<byte> frame, int pair) => Volatile.Write(ref _pairs[Hash(frame)], (byte)pair);

    /// <summary>The pair for a frame to the guest.</summary>
    internal int Choose(ReadOnlySpan<byte> frame, int pairs) => Volatile.Read(ref _pairs[Hash(frame)]) % pairs;

    // Both directions of a flow have the same hash: addresses and ports are added, not strung together.
    private static uint Hash(ReadOnlySpan<byte> frame)
    {
        uint hash = 0;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[TypeOffset..]);
        if (type == 0x0800 && frame.Length >= Ip4 + 20)
        {
            hash = frame[Ip4 + 9] + Word(frame, Ip4 + 12) + Word(frame, Ip4 + 16);
            int transport = Ip4 + (4 * (frame[Ip4] & 15));
            bool isWhole = (BinaryPrimitives.ReadUInt16BigEndian(frame[(Ip4 + 6)..]) & 0x3FFF) == 0;
            if (isWhole) hash += Ports(frame, transport, frame[Ip4 + 9]);
        }
        else if (type == 0x86DD && frame.Length >= Ip6 + 40)
        {
            hash = frame[Ip6 + 6];
            for (int i = 8; i < 40; i += 4) hash += Word(frame, Ip6 + i);
            hash += Ports(frame, Ip6 + 40, frame[Ip6 + 6]);
        }
        hash *= 0x9E37_79B1;
        return hash >> 22;
    }

    private static uint Ports(ReadOnlySpan<byte> frame, int offset, byte protocol)
    {
        if (protocol is not (6 or 17) || frame.Length < offset + 4) return 0;
        return BinaryPrimitives.ReadUInt16BigEndian(frame[offset..]) + (uint)BinaryPrimitives.ReadUInt16BigEndian(frame[(offset + 2)..]);
    }

    private static uint Word(ReadOnlySpan<byte> frame, int offset) => BinaryPrimitives.ReadUInt32BigEndian(frame[offset..]);
}
