using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Net;

/// <summary>
/// Does in software what a sender has left to do, for a receiver that takes no such frames: cuts TCP and UDP and completes checksums.
/// Thread contract: one thread at a time.
/// </summary>
internal sealed class NetSegmenter
{
    private const int TypeOffset = 12, VlanTag = 4;
    private const byte TcpFin = 1, TcpPush = 8, TcpCwr = 0x80;

    private readonly byte[] _part = new byte[VnetHeader.MaxFrame];

    /// <summary>Hands on a frame in parts that the receiver takes; what does not fit its own offload is dropped.</summary>
    internal void Send(ReadOnlySpan<byte> frame, in NetOffload offload, NetCapabilities takes, NetFrameHandler next)
    {
        if (takes.Takes(offload))
        {
            next(frame, offload);
            return;
        }
        if (offload.Segmentation != NetSegmentation.None)
        {
            Cut(frame, offload, next);
            return;
        }
        Span<byte> whole = _part.AsSpan(0, frame.Length);
        frame.CopyTo(whole);
        NetChecksum.Complete(whole, offload);
        next(whole, default);
    }

    private void Cut(ReadOnlySpan<byte> frame, in NetOffload offload, NetFrameHandler next)
    {
        if (!TryMeasure(frame, offload, out Layout layout)) return;
        int payload = frame.Length - layout.Payload;
        for (int done = 0, index = 0; done < payload; index++)
        {
            int length = Math.Min(offload.SegmentSize, payload - done);
            Span<byte> part = _part.AsSpan(0, layout.Payload + length);
            frame[..layout.Payload].CopyTo(part);
            frame.Slice(layout.Payload + done, length).CopyTo(part[layout.Payload..]);
            FixNetwork(part, layout, index);
            FixTransport(part, layout, done, done + length == payload);
            done += length;
            next(part, default);
        }
    }

    private static bool TryMeasure(ReadOnlySpan<byte> frame, in NetOffload offload, out Layout layout)
    {
        layout = default;
        int network = BinaryPrimitives.ReadUInt16BigEndian(frame[TypeOffset..]) == 0x8100 ? VnetHeader.MinFrame + VlanTag : VnetHeader.MinFrame;
        int transport = offload.ChecksumStart;
        if (frame.Length < network + 20 || frame.Length < transport + 20) return false;
        bool is6 = frame[network] >> 4 == 6, isTcp = offload.Segmentation != NetSegmentation.Udp;
        if (transport < network + (is6 ? 40 : 20)) return false;
        int header = isTcp ? 4 * (frame[transport + 12] >> 4) : 8;
        if (header < (isTcp ? 20 : 8) || frame.Length < transport + header) return false;
        layout = new Layout(network, transport, transport + header, is6, isTcp);
        return true;
    }

    private static void FixNetwork(Span<byte> part, in Layout layout, int index)
    {
        Span<byte> header = part[layout.Network..layout.Transport];
        if (layout.Is6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)(part.Length - layout.Network - 40));
            return;
        }
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)(part.Length - layout.Network));
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)(BinaryPrimitives.ReadUInt16BigEndian(header[4..]) + index));
        header[10] = header[11] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], NetChecksum.Finish(NetChecksum.Sum(header)));
    }

    private static void FixTransport(Span<byte> part, in Layout layout, int done, bool isLast)
    {
        Span<byte> transport = part[layout.Transport..];
        if (layout.IsTcp)
        {
            BinaryPrimitives.WriteUInt32BigEndian(transport[4..], BinaryPrimitives.ReadUInt32BigEndian(transport[4..]) + (uint)done);
            if (!isLast) transport[13] &= unchecked((byte)~(TcpFin | TcpPush));
            if (done != 0) transport[13] &= unchecked((byte)~TcpCwr);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)transport.Length);
        }
        int place = layout.IsTcp ? 16 : 6;
        ReadOnlySpan<byte> addresses = layout.Is6 ? part.Slice(layout.Network + 8, 32) : part.Slice(layout.Network + 12, 8);
        ulong pseudo = NetChecksum.Sum(addresses) + (ulong)transport.Length + (layout.IsTcp ? 6UL : 17UL);
        transport[place] = transport[place + 1] = 0;
        ushort sum = NetChecksum.Finish(pseudo + NetChecksum.Sum(transport));
        BinaryPrimitives.WriteUInt16BigEndian(transport[place..], sum == 0 ? (ushort)0xFFFF : sum);
    }

    private readonly record struct Layout(int Network, int Transport, int Payload, bool Is6, bool IsTcp);
}
