using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;

namespace Doppel.Devices.Backends.Net.User.Tcp;

/// <summary>The fields of an outgoing segment's header.</summary>
internal readonly record struct TcpHeader(uint Sequence, uint Acknowledgment, TcpFlags Flags, uint Window);

/// <summary>Writes segments into the link's frame. Pure but for that.</summary>
internal static class TcpOutput
{
    internal const int ChecksumOffset = 16;
    private const int MostSackBlocks = 4;

    /// <summary>Sends a segment whose options and payload have been written already.</summary>
    internal static bool Send(GuestLink link, in FlowKey key, in TcpHeader header, (int Options, int Payload) lengths, int segmentSize = 0)
    {
        Span<byte> span = link.Begin(key.Guest.IsV4);
        int headerLength = HeaderLength.Tcp + lengths.Options;
        BinaryPrimitives.WriteUInt16BigEndian(span, key.RemotePort);
        BinaryPrimitives.WriteUInt16BigEndian(span[2..], key.GuestPort);
        BinaryPrimitives.WriteUInt32BigEndian(span[4..], header.Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(span[8..], header.Acknowledgment);
        span[12] = (byte)(headerLength / 4 << 4);
        span[13] = (byte)header.Flags;
        BinaryPrimitives.WriteUInt16BigEndian(span[14..], (ushort)Math.Min(header.Window, ushort.MaxValue));
        span[16..20].Clear();
        Transport transport = new(IpProtocol.Tcp, ChecksumOffset, headerLength, lengths.Payload > segmentSize ? segmentSize : 0);
        return link.Send(new(key.Remote, key.Guest), transport, headerLength + lengths.Payload);
    }

    /// <summary>Answers a segment that belongs to no connection (RFC 9293, 3.10.7.1).</summary>
    internal static void SendReset(GuestLink link, in FlowKey key, in TcpSegment segment)
    {
        TcpHeader header = segment.Has(TcpFlags.Ack)
            ? new(segment.Acknowledgment, 0, TcpFlags.Rst, 0)
            : new(0, segment.Sequence + segment.SequenceLength, TcpFlags.Rst | TcpFlags.Ack, 0);
        Send(link, key, header, (0, 0));
    }

    /// <summary>Writes the options of a SYN. Returns their length, a multiple of four.</summary>
    /// <param name="options">Where they go.</param>
    /// <param name="maximumSegment">Largest payload that we take.</param>
    /// <param name="windowShift">Our window's shift; negative to offer none.</param>
    /// <param name="sack">True to say that we read selective acknowledgments.</param>
    internal static int WriteSynOptions(Span<byte> options, int maximumSegment, int windowShift, bool sack)
    {
        options[0] = TcpOptions.KindMss;
        options[1] = 4;
        BinaryPrimitives.WriteUInt16BigEndian(options[2..], (ushort)maximumSegment);
        int length = 4;
        if (windowShift >= 0)
        {
            ReadOnlySpan<byte> scale = [TcpOptions.Nop, TcpOptions.KindScale, 3, (byte)windowShift];
            scale.CopyTo(options[length..]);
            length += 4;
        }
        if (!sack) return length;
        ReadOnlySpan<byte> permitted = [TcpOptions.Nop, TcpOptions.Nop, TcpOptions.KindSackPermitted, 2];
        permitted.CopyTo(options[length..]);
        return length + 4;
    }

    /// <summary>Writes a selective acknowledgment (RFC 2018, 3). Returns its length, a multiple of four.</summary>
    /// <param name="options">Where it goes.</param>
    /// <param name="ranges">What came out of order.</param>
    /// <param name="latest">A number within the stretch that came last, which is told first.</param>
    internal static int WriteSack(Span<byte> options, SequenceRanges ranges, uint latest)
    {
        int blocks = Math.Min(ranges.Count, MostSackBlocks);
        if (blocks == 0) return 0;
        ReadOnlySpan<byte> head = [TcpOptions.Nop, TcpOptions.Nop, TcpOptions.KindSack, (byte)(2 + (8 * blocks))];
        head.CopyTo(options);
        int first = 0;
        while (first < ranges.Count - 1 && !Sequence.Less(latest, ranges[first].End)) first++;
        for (int i = 0; i < blocks; i++)
        {
            (uint start, uint end) = ranges[(first + i) % ranges.Count];
            BinaryPrimitives.WriteUInt32BigEndian(options[(4 + (8 * i))..], start);
            BinaryPrimitives.WriteUInt32BigEndian(options[(8 + (8 * i))..], end);
        }
        return 4 + (8 * blocks);
    }
}
