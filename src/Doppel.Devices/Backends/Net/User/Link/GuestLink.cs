using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Link;

/// <summary>From where to where an outgoing packet goes.</summary>
/// <param name="Source">One of our addresses, or that of an outside host.</param>
/// <param name="Destination">An address on the guest's network.</param>
/// <param name="Via">The Ethernet address to use; null to look it up.</param>
internal readonly record struct Route(IpAddress Source, IpAddress Destination, MacAddress? Via = null);

/// <summary>How a transport's packet is to be finished.</summary>
/// <param name="Protocol">The protocol number.</param>
/// <param name="ChecksumOffset">Place of the checksum in the transport's header; negative if there is none to fill in.</param>
/// <param name="SegmentSize">Payload of each segment if the guest gets many in one frame, else zero.</param>
/// <param name="HeaderLength">Length of the transport's header.</param>
internal readonly record struct Transport(byte Protocol, int ChecksumOffset, int HeaderLength = 0, int SegmentSize = 0);

/// <summary>
/// The way to the guest: finishes packets that others have begun in its one frame, and keeps the few that the device has no buffer for.
/// Thread contract: the event loop's thread.
/// </summary>
internal sealed class GuestLink
{
    /// <summary>Largest IP packet (RFC 791, 3.1).</summary>
    internal const int LongestPacket = 65535;

    private const int MostHeldBytes = 1 << 20;
    private const int MostParked = 64;
    private const int OffloadFrom = 512;
    private const byte HopLimit = 64;
    private const byte NeighbourHopLimit = 255;

    private readonly byte[] _frame = new byte[HeaderLength.Network(v4: false) + LongestPacket];
    private readonly Queue<(byte[] Frame, NetOffload Offload)> _held = new();
    private readonly Queue<(IpAddress To, byte[] Frame, NetOffload Offload)> _parked = new();
    private readonly AddressPlan _plan;
    private INetReceiver? _device;
    private NetCapabilities _guest;
    private int _heldBytes;
    private ushort _identification;

    internal GuestLink(AddressPlan plan)
    {
        _plan = plan;
        Neighbours.Found = SendParked;
    }

    /// <summary>False while the guest gives no buffers: whoever can wait should.</summary>
    internal bool IsReady => _held.Count == 0;

    internal NeighbourTable Neighbours { get; } = new();

    /// <summary>Asks the guest for an Ethernet address that is not known.</summary>
    internal Action<IpAddress> Resolve { get; set; } = static _ => { };

    internal int Mtu => _plan.Mtu;

    internal void Attach(INetReceiver device) => _device = device;

    /// <summary>What the guest's driver takes; asked once in a round, because drivers come and go.</summary>
    internal void Refresh() => _guest = _device?.Capabilities ?? default;

    /// <summary>True if the guest takes many TCP segments in one frame.</summary>
    internal bool TakesLargeSegments(bool v4) => v4 ? _guest.Tcp4 : _guest.Tcp6;

    /// <summary>Where the transport's header and payload of the next packet are to be written.</summary>
    internal Span<byte> Begin(bool v4) => _frame.AsSpan(HeaderLength.Network(v4));

    /// <summary>Where a whole Ethernet payload is to be written, for <see cref="SendRaw"/>.</summary>
    internal Span<byte> BeginRaw() => _frame.AsSpan(HeaderLength.Ethernet);

    /// <summary>Sends what was begun with <see cref="BeginRaw"/>.</summary>
    internal bool SendRaw(MacAddress to, ushort etherType, int length)
    {
        WriteEthernet(to, etherType);
        return Deliver(_frame.AsSpan(0, HeaderLength.Ethernet + length), default);
    }

    /// <summary>Sends what was begun with <see cref="Begin"/>, in fragments if it is longer than a frame and no large segment.</summary>
    /// <returns>False if it was dropped because the guest gives no buffers.</returns>
    internal bool Send(in Route route, in Transport transport, int length)
    {
        bool v4 = route.Source.IsV4;
        IpAddress? unknown = TryFindMac(route, out MacAddress mac) ? null : route.Destination;
        NetOffload offload = FinishChecksum(route, transport, length);
        WriteEthernet(mac, v4 ? EtherType.Ipv4 : EtherType.Ipv6);
        int header = v4 ? HeaderLength.Ipv4 : HeaderLength.Ipv6;
        if (transport.SegmentSize == 0 && length > _plan.Mtu - header) return SendFragments(route, transport.Protocol, length, unknown);
        if (v4) WriteIpv4(route, transport.Protocol, length, 0);
        else WriteIpv6(route, transport.Protocol, length);
        return Deliver(_frame.AsSpan(0, HeaderLength.Ethernet + header + length), offload, unknown);
    }

    /// <summary>Hands over what was held back.</summary>
    internal void Flush()
    {
        while (_held.TryPeek(out (byte[] Frame, NetOffload Offload) next))
        {
            if (!_device!.TryReceive(next.Frame, next.Offload)) return;
            _held.Dequeue();
            _heldBytes -= next.Frame.Length;
        }
    }

    private bool TryFindMac(in Route route, out MacAddress mac)
    {
        mac = route.Via ?? default;
        if (route.Via is not null) return true;
        if (route.Destination.IsV4 && (route.Destination == _plan.Broadcast4 || route.Destination.V4 == uint.MaxValue)) mac = MacAddress.Broadcast;
        else if (route.Destination.IsMulticast6) mac = MacAddress.OfMulticast(route.Destination);
        else return Neighbours.TryFind(route.Destination, out mac);
        return true;
    }

    private NetOffload FinishChecksum(in Route route, in Transport transport, int length)
    {
        if (transport.ChecksumOffset < 0) return default;
        bool v4 = route.Source.IsV4;
        Span<byte> packet = Begin(v4)[..length], field = packet.Slice(transport.ChecksumOffset, 2);
        field.Clear();
        ulong sum = InternetChecksum.AddPseudoHeader(0, route.Source, route.Destination, transport.Protocol, length);
        bool guestSums = transport.SegmentSize != 0 || (_guest.Checksum && length > OffloadFrom && transport.Protocol == IpProtocol.Tcp);
        if (guestSums)
        {
            BinaryPrimitives.WriteUInt16BigEndian(field, InternetChecksum.Fold(sum));
            NetSegmentation segmentation = transport.SegmentSize == 0 ? NetSegmentation.None : v4 ? NetSegmentation.Tcp4 : NetSegmentation.Tcp6;
            int start = HeaderLength.Network(v4);
            return new(true, (ushort)start, (ushort)transport.ChecksumOffset, segmentation, (ushort)transport.SegmentSize,
                (ushort)(segmentation == NetSegmentation.None ? 0 : start + transport.HeaderLength), false);
        }
        ushort checksum = InternetChecksum.Finish(InternetChecksum.Add(sum, packet));
        // Zero means "none" to UDP (RFC 768), and all ones is the same number.
        BinaryPrimitives.WriteUInt16BigEndian(field, checksum == 0 && transport.Protocol == IpProtocol.Udp ? (ushort)0xffff : checksum);
        return default;
    }

    private void WriteEthernet(MacAddress to, ushort etherType)
    {
        to.Write(_frame);
        AddressPlan.RouterMac.Write(_frame.AsSpan(MacAddress.Size));
        BinaryPrimitives.WriteUInt16BigEndian(_frame.AsSpan(2 * MacAddress.Size), etherType);
    }

    private void WriteIpv4(in Route route, byte protocol, int length, int fragment)
    {
        Span<byte> header = _frame.AsSpan(HeaderLength.Ethernet, HeaderLength.Ipv4);
        header[0] = 0x45;
        header[1] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)(HeaderLength.Ipv4 + length));
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], fragment == 0 ? ++_identification : _identification);
        // Only UDP may be fragmented on its way (RFC 791, 2.3); TCP finds the path's limit by "don't fragment".
        BinaryPrimitives.WriteUInt16BigEndian(header[6..], (ushort)(protocol == IpProtocol.Tcp ? 0x4000 : fragment));
        header[8] = HopLimit;
        header[9] = protocol;
        header[10..12].Clear();
        route.Source.Write(header[12..]);
        route.Destination.Write(header[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], InternetChecksum.Of(header));
    }

    private void WriteIpv6(in Route route, byte protocol, int length)
    {
        Span<byte> header = _frame.AsSpan(HeaderLength.Ethernet, HeaderLength.Ipv6);
        BinaryPrimitives.WriteUInt32BigEndian(header, 6u << 28);
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)length);
        header[6] = protocol;
        // Neighbour discovery is believed only if no router can have passed it on (RFC 4861, 7.1).
        header[7] = protocol == IpProtocol.Icmp6 ? NeighbourHopLimit : HopLimit;
        route.Source.Write(header[8..]);
        route.Destination.Write(header[24..]);
    }

    // Each fragment is moved to where the payload of the one frame begins; what has been sent is no longer needed there.
    private bool SendFragments(in Route route, byte protocol, int length, IpAddress? unknown)
    {
        bool v4 = route.Source.IsV4, delivered = true;
        int room = (_plan.Mtu - (v4 ? HeaderLength.Ipv4 : HeaderLength.Ipv6 + HeaderLength.Ipv6Fragment)) & ~7;
        byte[] whole = Begin(v4)[..length].ToArray();
        uint identification = (uint)Random.Shared.Next();
        if (v4) _identification++;
        for (int offset = 0; offset < length && delivered; offset += room)
        {
            int part = Math.Min(room, length - offset);
            bool more = offset + part < length;
            Span<byte> body = Begin(v4);
            if (!v4) body = WriteFragmentHeader(body, protocol, offset | (more ? 1 : 0), identification);
            whole.AsSpan(offset, part).CopyTo(body);
            if (v4) WriteIpv4(route, protocol, part, (offset / 8) | (more ? 0x2000 : 0));
            else WriteIpv6(route, IpProtocol.Fragment, HeaderLength.Ipv6Fragment + part);
            int header = v4 ? HeaderLength.Ipv4 : HeaderLength.Ipv6 + HeaderLength.Ipv6Fragment;
            delivered = Deliver(_frame.AsSpan(0, HeaderLength.Ethernet + header + part), default, unknown);
        }
        return delivered;
    }

    private static Span<byte> WriteFragmentHeader(Span<byte> body, byte protocol, int field, uint identification)
    {
        body[0] = protocol;
        body[1] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(body[2..], (ushort)field);
        BinaryPrimitives.WriteUInt32BigEndian(body[4..], identification);
        return body[HeaderLength.Ipv6Fragment..];
    }

    // Frames to somebody whose Ethernet address is not known wait until it answers (RFC 1122, 2.3.2.2); the oldest goes.
    private bool Park(IpAddress to, ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        if (_parked.Count == MostParked) _parked.Dequeue();
        _parked.Enqueue((to, frame.ToArray(), offload));
        // The question is written where the frame is, of which a fragment's successor needs the Ethernet header.
        Resolve(to);
        WriteEthernet(default, to.IsV4 ? EtherType.Ipv4 : EtherType.Ipv6);
        return true;
    }

    private void SendParked(IpAddress address, MacAddress mac)
    {
        for (int i = _parked.Count; i > 0; i--)
        {
            (IpAddress To, byte[] Frame, NetOffload Offload) next = _parked.Dequeue();
            if (next.To != address)
            {
                _parked.Enqueue(next);
                continue;
            }
            mac.Write(next.Frame);
            Deliver(next.Frame, next.Offload);
        }
    }

    private bool Deliver(ReadOnlySpan<byte> frame, in NetOffload offload, IpAddress? unknown = null)
    {
        if (_device is null) return false;
        if (unknown is { } address) return Park(address, frame, offload);
        if (_held.Count == 0 && _device.TryReceive(frame, offload)) return true;
        if (_heldBytes + frame.Length > MostHeldBytes) return false;
        _held.Enqueue((frame.ToArray(), offload));
        _heldBytes += frame.Length;
        return true;
    }
}
