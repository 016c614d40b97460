using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Devices.Backends.Net.User.Policy;
using Doppel.Devices.Backends.Net.User.Tcp;
using Doppel.Devices.Backends.Net.User.Udp;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User;

/// <summary>Lets clients of the host in to one port of the guest. Thread contract: made on any thread, then the event loop's.</summary>
internal sealed class Publisher : ISocketOwner, IDisposable
{
    private const int Backlog = 128;
    private const int MostAtOnce = 32;
    private const int MostPorts = 1024;
    private const int LargestDatagram = 65507;

    private readonly PublishedPort _port;
    private readonly HostSocket _socket;
    private readonly Dictionary<IpEndpoint, UdpFlow> _clients = [];
    private StackContext? _context;
    private TcpTable? _tcp;
    private UdpTable? _udp;
    private ulong? _token;
    private bool _mayHaveMore;

    private Publisher(PublishedPort port, HostSocket socket)
    {
        _port = port with { HostPort = socket.LocalEndpoint.Port };
        _socket = socket;
    }

    /// <summary>What is published, with the port that the host chose.</summary>
    internal PublishedPort Port => _port;

    /// <summary>Listens.</summary>
    /// <exception cref="HostException">The host does not let us; the message says why and what to do.</exception>
    internal static Publisher Listen(PublishedPort port)
    {
        HostSocketKind kind = port.IsUdp ? HostSocketKind.Datagram : HostSocketKind.Stream;
        HostSocket? socket = HostSocket.TryOpen(kind, !port.HostEndpoint.Address.IsV4, out HostSocketError error);
        if (socket is not null) error = port.IsUdp ? socket.Bind(port.HostEndpoint) : socket.Listen(port.HostEndpoint, Backlog);
        if (error == HostSocketError.None) return new Publisher(port, socket!);
        socket?.Dispose();
        throw new HostException($"Cannot publish {port}: {Explain(port, error)}");
    }

    /// <summary>Begins to let clients in.</summary>
    internal void Start(StackContext context, TcpTable tcp, UdpTable udp)
    {
        _context = context;
        _tcp = tcp;
        _udp = udp;
        _token = context.Sockets.TryAdd(_socket, this);
    }

    public void SocketReady(bool readable, bool writable)
    {
        if (!readable) return;
        if (_port.IsUdp) Receive();
        else Accept();
    }

    /// <summary>Goes on where <see cref="SocketReady"/> stopped because the guest gave no buffers or there was much to do.</summary>
    internal void Resume() => SocketReady(readable: true, writable: false);

    /// <summary>True if clients may wait that no event will tell of, and there is room for one.</summary>
    internal bool CanGoOn => _mayHaveMore && (_port.IsUdp || !_tcp!.IsFull);

    /// <summary>Forgets a client that has been quiet.</summary>
    internal void Removed(UdpFlow flow)
    {
        if (flow.Client is { } client && _clients.TryGetValue(client, out UdpFlow? known) && known == flow) _clients.Remove(client);
    }

    /// <summary>Closes the port; a client's UDP exchange ends with it, its TCP connection does not.</summary>
    public void Dispose()
    {
        foreach (UdpFlow flow in _clients.Values.ToArray()) _udp!.Remove(flow);
        if (_token is { } token) _context!.Sockets.Remove(token);
        _socket.Dispose();
    }

    private static string Explain(PublishedPort port, HostSocketError error) => error switch
    {
        HostSocketError.AddressInUse => $"another program uses port {port.HostPort}; stop that one or choose another, for instance --publish {Other(port)}",
        HostSocketError.AccessDenied => $"ports below 1024 are not for everybody; choose another, for instance --publish {Other(port)}",
        HostSocketError.AddressNotAvailable => $"this host has no address {port.HostAddress}; 'ip address' shows those it has",
        HostSocketError.NotSupported => $"this host has no {(port.HostEndpoint.Address.IsV4 ? "IPv4" : "IPv6")}",
        _ => $"the host says '{error}'",
    };

    private static string Other(PublishedPort port)
        => (port with { HostPort = (ushort)(port.HostPort < 1024 ? 8000 + port.HostPort : Math.Min(port.HostPort + 1, ushort.MaxValue)) }).ToString();

    private void Accept()
    {
        for (int i = 0; i < MostAtOnce; i++)
        {
            if (_tcp!.IsFull || _socket.TryAccept(out IpEndpoint client) is not { } socket)
            {
                _mayHaveMore = _tcp.IsFull;
                return;
            }
            bool opened = ChooseKey(client, k => _tcp.Contains(k)) is { } key && _tcp.TryOpen(key, c => HostTcpRemote.TryAdopt(_context!, socket, c));
            if (!opened) socket.Dispose();
        }
        _mayHaveMore = true;
    }

    private void Receive()
    {
        for (int i = 0; i < MostAtOnce; i++)
        {
            _mayHaveMore = true;
            if (!_context!.Link.IsReady) return;
            Span<byte> room = UdpOutput.Begin(_context.Link, v4: true)[..LargestDatagram];
            int count = _socket.ReceiveFrom(room, out IpEndpoint client, out HostSocketError error);
            _mayHaveMore = error == HostSocketError.None;
            if (error != HostSocketError.None) return;
            if (!_clients.TryGetValue(client, out UdpFlow? flow))
            {
                if (ChooseKey(client, k => _udp!.Contains(k)) is not { } key) continue;
                flow = _udp!.AddClient(key, _socket, client);
                _clients.Add(client, flow);
            }
            flow.Deliver(count);
        }
    }

    // The guest sees a client under its own address, unless that means something else to the guest, and under its own port, unless another
    // client has that already.
    private FlowKey? ChooseKey(IpEndpoint client, Func<FlowKey, bool> taken)
    {
        AddressPlan plan = _context!.Plan;
        bool known = client.Address.IsV4 && !IpScope.IsNeverRouted(client.Address) && !plan.IsOnLink(client.Address);
        FlowKey key = new(plan.Guest4, _port.GuestPort, known ? client.Address : plan.Host4, client.Port);
        for (int i = 0; i < MostPorts; i++)
        {
            if (!taken(key)) return key;
            key = key with { RemotePort = (ushort)((key.RemotePort % ushort.MaxValue) + 1) };
        }
        return null;
    }
}
