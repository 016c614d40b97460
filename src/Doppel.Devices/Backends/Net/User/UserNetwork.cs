using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Local;
using Doppel.Devices.Backends.Net.User.Naming;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Devices.Backends.Net.User.Policy;
using Doppel.Devices.Backends.Net.User.Tcp;
using Doppel.Devices.Backends.Net.User.Udp;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User;

/// <summary>
/// The guest's private network: everything behind its cable. What the guest sends wrongly is dropped or answered as the protocols say; none
/// of it is an exception. Thread contract: the event loop's thread.
/// </summary>
internal sealed class UserNetwork : ITcpOpener, IUdpRouter, IDisposable
{
    // What Linux makes at most (UDP_MAX_SEGMENTS).
    private const int MostDatagrams = 128;

    private readonly StackContext _context;
    private readonly EgressPolicy _policy;
    private readonly DnsForwarder _dns;
    private readonly TcpTable _tcp;
    private readonly UdpTable _udp;
    private readonly ArpService _arp;
    private readonly NeighbourDiscovery _discovery;
    private readonly EchoService _echo;
    private readonly Dhcp4Server _dhcp4;
    private readonly Dhcp6Server _dhcp6;
    private readonly Reassembler _reassembler = new();
    private readonly List<Publisher> _publishers = [];

    internal UserNetwork(UserNetworkOptions options, SocketLoop sockets, IReadOnlyList<Publisher> publishers)
    {
        AddressPlan plan = options.ToPlan();
        _context = new StackContext(plan, sockets);
        _policy = new EgressPolicy(plan, options.Allow, options.Restrict, options.ReachesHost);
        _dns = new DnsForwarder(_context, _policy, new HostResolvers(options.Resolvers), options.HostName);
        _tcp = new TcpTable(_context, this);
        _udp = new UdpTable(_context, this);
        _arp = new ArpService(_context);
        IReadOnlyList<string> search = [DnsForwarder.Domain, .. options.Search];
        _discovery = new NeighbourDiscovery(_context, search);
        _echo = new EchoService(_context, _policy);
        _dhcp4 = new Dhcp4Server(_context, options.HostName, search);
        _dhcp6 = new Dhcp6Server(_context, search);
        _context.Link.Resolve = address => Resolve(address);
        _udp.Removed = flow =>
        {
            foreach (Publisher publisher in _publishers) publisher.Removed(flow);
        };
        foreach (Publisher publisher in publishers) Add(publisher);
    }

    internal StackContext Context => _context;

    internal TcpTable Tcp => _tcp;

    internal UdpTable Udp => _udp;

    internal DnsForwarder Dns => _dns;

    /// <summary>True if there is something to do that neither a socket nor a timer will tell of.</summary>
    internal bool HasWork => _tcp.HasWork || _udp.HasWork || (_context.Link.IsReady && _publishers.Any(static p => p.CanGoOn));

    /// <summary>Lets clients of a port in.</summary>
    internal void Add(Publisher publisher)
    {
        _publishers.Add(publisher);
        publisher.Start(_context, _tcp, _udp);
    }

    /// <summary>Closes a port to new clients. False if it is not published.</summary>
    internal bool Remove(PublishedPort port)
    {
        if (_publishers.Find(p => p.Port == port) is not { } publisher) return false;
        publisher.Dispose();
        _publishers.Remove(publisher);
        return true;
    }

    /// <summary>Takes a frame of the guest.</summary>
    internal void Input(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        if (frame.Length < HeaderLength.Ethernet) return;
        MacAddress to = MacAddress.Read(frame), from = MacAddress.Read(frame[MacAddress.Size..]);
        if (from.IsGroup || (to != AddressPlan.RouterMac && !to.IsGroup)) return;
        ReadOnlySpan<byte> packet = frame[HeaderLength.Ethernet..];
        switch (BinaryPrimitives.ReadUInt16BigEndian(frame[(2 * MacAddress.Size)..]))
        {
            case EtherType.Arp:
                _arp.Input(packet);
                break;
            case EtherType.Ipv4:
                if (IpPacket.TryParse4(packet, out IpPacket v4) && IsFromGuest4(v4.Source)) Input(v4, from, offload);
                break;
            case EtherType.Ipv6 when _context.Plan.HasV6:
                if (IpPacket.TryParse6(packet, out IpPacket v6) && IsFromGuest6(v6.Source)) Input(v6, from, offload);
                break;
            default:
                break;
        }
    }

    /// <summary>Lets everybody do what can be done now; once in each round of the event loop.</summary>
    internal void Pump()
    {
        if (!_context.Link.IsReady)
        {
            _context.Link.Flush();
            if (_context.Link.IsReady) _tcp.LinkReady();
        }
        foreach (Publisher publisher in _publishers)
        {
            if (publisher.CanGoOn && _context.Link.IsReady) publisher.Resume();
        }
        _tcp.Pump();
        _udp.Pump();
    }

    /// <summary>Closes everything that leads out.</summary>
    public void Dispose()
    {
        _tcp.Clear();
        _udp.Clear();
        _dns.Clear();
        _echo.Clear();
        foreach (Publisher publisher in _publishers) publisher.Dispose();
    }

    ITcpRemote? ITcpOpener.Open(TcpConnection connection, out HostSocketError error)
    {
        IpEndpoint destination = new(connection.Key.Remote, connection.Key.RemotePort);
        if (_context.Plan.IsDns(destination.Address))
        {
            error = HostSocketError.Refused;
            return destination.Port == Naming.Dns.Port ? _dns.TryOpenStream(connection) : null;
        }
        return _policy.TryRoute(destination, _context.NowNs, out IpEndpoint target, out error)
            ? HostTcpRemote.TryConnect(_context, target, connection, out error) : null;
    }

    void ITcpOpener.TellUnreachable(in FlowKey key, uint sequence, Unreachable reason)
        => IcmpOutput.SendUnreachable(_context, key, IpProtocol.Tcp, sequence, reason);

    bool IUdpRouter.TryRoute(IpEndpoint destination, out IpEndpoint target, out HostSocketError error)
        => _policy.TryRoute(destination, _context.NowNs, out target, out error);

    void IUdpRouter.TellUnreachable(in FlowKey key, Unreachable reason) => IcmpOutput.SendUnreachable(_context, key, IpProtocol.Udp, 0, reason);

    private void Resolve(IpAddress address)
    {
        if (address.IsV4) _arp.Ask(address);
        else _discovery.Ask(address);
    }

    // A machine that asks for its first address has none yet.
    private bool IsFromGuest4(IpAddress source)
        => source.V4 == 0 || (_context.Plan.IsOnLink(source) && !_context.Plan.IsOurs(source) && source != _context.Plan.Broadcast4 && source != _context.Plan.Network4);

    private bool IsFromGuest6(IpAddress source) => source.IsUnspecified6 || (_context.Plan.IsOnLink(source) && !_context.Plan.IsOurs(source));

    private void Input(in IpPacket packet, MacAddress from, in NetOffload offload)
    {
        bool hasAddress = packet.IsV4 ? packet.Source.V4 != 0 : !packet.Source.IsUnspecified6;
        if (hasAddress) _context.Link.Neighbours.Learn(packet.Source, from);
        if (!packet.Fragment.IsFragment) Dispatch(packet, from, hasAddress, offload);
        else if (hasAddress && _reassembler.TryComplete(packet, _context.NowNs, out ReadOnlySpan<byte> payload)) Dispatch(packet.WithPayload(payload), from, hasAddress, default);
    }

    private void Dispatch(in IpPacket packet, MacAddress from, bool hasAddress, in NetOffload offload)
    {
        bool trusted = offload.NeedsChecksum || offload.ChecksumValid;
        switch (packet.Protocol)
        {
            case IpProtocol.Tcp:
                // Nobody opens a connection to many.
                if (hasAddress && !IsToMany(packet.Destination) && (trusted || packet.HasValidChecksum())) _tcp.Input(packet);
                break;
            case IpProtocol.Udp:
                InputUdp(packet, hasAddress, trusted, offload);
                break;
            case IpProtocol.Icmp when packet.IsV4:
                if (hasAddress && !packet.Payload.IsEmpty && InternetChecksum.Of(packet.Payload) == 0) _echo.Input(packet);
                break;
            case IpProtocol.Icmp6 when !packet.IsV4:
                if (packet.Payload.IsEmpty || !packet.HasValidChecksum()) break;
                if (!_discovery.TryInput(packet, from) && hasAddress) _echo.Input(packet);
                break;
            default:
                break;
        }
    }

    private void InputUdp(in IpPacket packet, bool hasAddress, bool trusted, in NetOffload offload)
    {
        ReadOnlySpan<byte> bytes = packet.Payload;
        if (bytes.Length < HeaderLength.Udp) return;
        ushort length = BinaryPrimitives.ReadUInt16BigEndian(bytes[4..]);
        bool segmented = offload.Segmentation == NetSegmentation.Udp && offload.SegmentSize > 0;
        if (!segmented && (length < HeaderLength.Udp || length > bytes.Length)) return;
        // IPv4 lets senders do without (RFC 768).
        bool sum = !(packet.IsV4 && BinaryPrimitives.ReadUInt16BigEndian(bytes[6..]) == 0);
        if (sum && !trusted && !packet.HasValidChecksum()) return;
        FlowKey key = new(packet.Source, BinaryPrimitives.ReadUInt16BigEndian(bytes), packet.Destination, BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]));
        ReadOnlySpan<byte> payload = segmented ? bytes[HeaderLength.Udp..] : bytes[HeaderLength.Udp..length];
        int parts = 0;
        do
        {
            ReadOnlySpan<byte> part = segmented ? payload[..Math.Min(offload.SegmentSize, payload.Length)] : payload;
            InputDatagram(key, part, hasAddress);
            payload = payload[part.Length..];
        }
        while (!payload.IsEmpty && ++parts < MostDatagrams);
    }

    private void InputDatagram(in FlowKey key, ReadOnlySpan<byte> payload, bool hasAddress)
    {
        bool v4 = key.Guest.IsV4, ours = _context.Plan.IsOurs(key.Remote), many = IsToMany(key.Remote);
        if (v4 && key.RemotePort == Dhcp4Server.ServerPort && (ours || many)) _dhcp4.Input(payload);
        else if (!v4 && key.RemotePort == Dhcp6Server.ServerPort && (ours || many)) _dhcp6.Input(payload, key.Guest);
        else if (!hasAddress || many) return;
        else if (!_context.Plan.IsDns(key.Remote)) _udp.Input(key, payload);
        else if (key.RemotePort == Naming.Dns.Port) _dns.Ask(payload, overTcp: false, new DatagramClient(_context, key));
        else ((IUdpRouter)this).TellUnreachable(key, Unreachable.Port);
    }

    private bool IsToMany(IpAddress address)
        => address.IsV4
            ? address.V4 >> 28 == 0xe || address.V4 == uint.MaxValue || address == _context.Plan.Broadcast4
            : address.IsMulticast6;

    /// <summary>A program of the guest's that asked the name server by UDP.</summary>
    private sealed class DatagramClient(StackContext context, FlowKey key) : IDnsClient
    {
        public void Answer(ReadOnlySpan<byte> message)
            => UdpOutput.Send(context.Link, new(key.Remote, key.RemotePort), new(key.Guest, key.GuestPort), message);
    }
}
