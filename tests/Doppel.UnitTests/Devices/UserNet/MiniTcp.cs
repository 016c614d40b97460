using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User.Packets;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>
/// The simplest TCP that is one: acknowledges what comes in order, drops the rest, and sends everything again when it has waited too long.
/// It stands for a guest.
/// </summary>
internal sealed class MiniTcp(byte[] outgoing, ushort port = 40000)
{
    private const int Segment = 1000;
    private const int MostInFlight = 32 << 10;
    private const uint First = uint.MaxValue - 5000;

    private uint _acknowledged = First;
    private uint _peerNext;
    private int _peerWindow;
    private bool _established;
    private int _sentUpTo;

    internal List<byte> Received { get; } = [];

    /// <summary>The window that it offers, not scaled.</summary>
    internal ushort Window { get; set; } = 60000;

    internal bool PeerEnded { get; private set; }

    internal bool WasReset { get; private set; }

    internal bool IsEstablished => _established;

    internal uint Next => First + 1 + (uint)_sentUpTo;

    internal uint PeerNext => _peerNext;

    /// <summary>True if all that was sent has been acknowledged, the end included.</summary>
    internal bool AllAcknowledged => _acknowledged == First + 2 + (uint)outgoing.Length;

    internal byte[] Syn() => Make(First, TcpFlags.Syn, default, [2, 4, Segment >> 8, Segment & 0xff]);

    internal byte[] Make(uint sequence, TcpFlags flags, ReadOnlySpan<byte> payload = default, ReadOnlySpan<byte> options = default)
    {
        byte[] segment = new byte[20 + options.Length + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(segment, port);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), 80);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(4), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(8), (flags & TcpFlags.Ack) != 0 ? _peerNext : 0);
        segment[12] = (byte)((20 + options.Length) / 4 << 4);
        segment[13] = (byte)flags;
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(14), Window);
        options.CopyTo(segment.AsSpan(20));
        payload.CopyTo(segment.AsSpan(20 + options.Length));
        ushort sum = StackBench.TransportChecksum(StackBench.Guest, StackBench.Host, IpProtocol.Tcp, segment);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(16), sum);
        return StackBench.Ipv4(StackBench.Host, IpProtocol.Tcp, segment);
    }

    internal byte[] Ack() => Make(Next, TcpFlags.Ack);

    /// <summary>Takes a frame; gives what it sends in answer.</summary>
    internal List<byte[]> Input(byte[] frame)
    {
        Assert.True(IpPacket.TryParse4(frame.AsSpan(14), out IpPacket packet) && packet.HasValidChecksum(), "a broken packet came");
        Assert.True(TcpSegment.TryParse(packet.Payload, out TcpSegment segment));
        if (segment.Has(TcpFlags.Rst))
        {
            WasReset = true;
            return [];
        }
        if (!_established)
        {
            if (!segment.Has(TcpFlags.Syn)) return [];
            _peerNext = segment.Sequence + 1;
            _established = true;
        }
        if (segment.Has(TcpFlags.Ack) && (int)(segment.Acknowledgment - _acknowledged) > 0) _acknowledged = segment.Acknowledgment;
        _peerWindow = segment.Window;
        bool carries = segment.SequenceLength > 0 || segment.Sequence != _peerNext;
        if (segment.Sequence == _peerNext && !segment.Has(TcpFlags.Syn))
        {
            Received.AddRange(segment.Payload);
            _peerNext += segment.SequenceLength;
            PeerEnded |= segment.Has(TcpFlags.Fin);
        }
        List<byte[]> answer = SendMore();
        if (carries && answer.Count == 0) answer.Add(Ack());
        return answer;
    }

    /// <summary>Nothing came for a while: everything that is not acknowledged goes again.</summary>
    internal List<byte[]> TimeOut()
    {
        if (!_established) return [Syn()];
        _sentUpTo = Math.Max(0, (int)(_acknowledged - First - 1));
        List<byte[]> again = SendMore();
        if (again.Count == 0) again.Add(Ack());
        return again;
    }

    private List<byte[]> SendMore()
    {
        List<byte[]> frames = [];
        int acknowledged = Math.Max(0, (int)(_acknowledged - First - 1)), limit = Math.Min(_peerWindow, MostInFlight);
        while (_sentUpTo < outgoing.Length + 1 && _sentUpTo - acknowledged < limit)
        {
            int length = Math.Min(Math.Min(Segment, outgoing.Length - Math.Min(_sentUpTo, outgoing.Length)), limit - (_sentUpTo - acknowledged));
            bool fin = _sentUpTo + length == outgoing.Length && (_sentUpTo == outgoing.Length || length < Segment);
            frames.Add(Make(Next, TcpFlags.Ack | (fin ? TcpFlags.Fin : 0), outgoing.AsSpan(Math.Min(_sentUpTo, outgoing.Length), length)));
            _sentUpTo += length + (fin ? 1 : 0);
        }
        return frames;
    }
}
