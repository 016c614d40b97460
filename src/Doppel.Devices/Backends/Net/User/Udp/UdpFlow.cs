using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Udp;

/// <summary>
/// One exchange of datagrams between a port of the guest and an endpoint outside: over a connected socket of its own if the guest began it,
/// over the socket of a published port if a client did. Thread contract: the event loop's thread.
/// </summary>
internal sealed class UdpFlow : ISocketOwner
{
    private const int LargestDatagram = 65507;
    private const int MostAtOnce = 64;
    // RFC 4787, REQ-5: no less than two minutes.
    private const long IdleNs = 120_000_000_000;

    private readonly UdpTable _table;
    private readonly StackContext _context;
    private readonly HostSocket _socket;
    private readonly IpEndpoint? _client;
    private readonly Alarm _alarm;
    private readonly ulong? _token;

    private UdpFlow(UdpTable table, StackContext context, FlowKey key, HostSocket socket, IpEndpoint? client)
    {
        _table = table;
        _context = context;
        Key = key;
        _socket = socket;
        _client = client;
        UsedNs = context.NowNs;
        _alarm = new Alarm(Expire);
        if (client is null) _token = context.Sockets.TryAdd(socket, this);
        context.Alarms.Set(_alarm, UsedNs + IdleNs);
    }

    internal FlowKey Key { get; }

    /// <summary>When a datagram last passed.</summary>
    internal long UsedNs { get; private set; }

    /// <summary>True while the table's list of flows with something to read holds this one.</summary>
    internal bool IsScheduled { get; set; }

    internal IpEndpoint? Client => _client;

    /// <summary>Opens a socket for an exchange that the guest begins.</summary>
    internal static UdpFlow? TryConnect(UdpTable table, StackContext context, in FlowKey key, IpEndpoint to, out HostSocketError error)
    {
        HostSocket? socket = HostSocket.TryOpen(HostSocketKind.Datagram, !to.Address.IsV4, out error);
        if (socket is null) return null;
        error = socket.Connect(to);
        if (error == HostSocketError.None) return new UdpFlow(table, context, key, socket, client: null);
        socket.Dispose();
        return null;
    }

    /// <summary>Uses the socket of a published port for an exchange that a client begins.</summary>
    internal static UdpFlow OfClient(UdpTable table, StackContext context, in FlowKey key, HostSocket published, IpEndpoint client)
        => new(table, context, key, published, client);

    /// <summary>Sends a datagram of the guest's.</summary>
    internal void Send(ReadOnlySpan<byte> payload)
    {
        UsedNs = _context.NowNs;
        HostSocketError error;
        if (_client is { } client) _socket.SendTo(payload, client, out error);
        else _socket.Send(payload, out error);
        // An error that an earlier datagram caused is told once, before this one is sent.
        if (error != HostSocketError.Refused || _client is not null) return;
        _table.Tell(Key, error);
        _socket.Send(payload, out _);
    }

    /// <summary>A client of a published port sent a datagram, which is in the link's frame.</summary>
    internal void Deliver(int length)
    {
        UsedNs = _context.NowNs;
        UdpOutput.Send(_context.Link, new(Key.Remote, Key.RemotePort), new(Key.Guest, Key.GuestPort), length);
    }

    public void SocketReady(bool readable, bool writable)
    {
        if (readable) _table.Schedule(this);
    }

    /// <summary>Passes datagrams to the guest. True if more may wait.</summary>
    internal bool Pump()
    {
        for (int i = 0; i < MostAtOnce; i++)
        {
            if (!_context.Link.IsReady) return true;
            Span<byte> room = UdpOutput.Begin(_context.Link, Key.Guest.IsV4)[..LargestDatagram];
            int count = _socket.Receive(room, out HostSocketError error);
            if (error == HostSocketError.WouldBlock) return false;
            if (error == HostSocketError.Other) return false;
            if (error == HostSocketError.None) Deliver(count);
            else _table.Tell(Key, error);
        }
        return true;
    }

    internal void Close()
    {
        _context.Alarms.Remove(_alarm);
        if (_token is { } token) _context.Sockets.Remove(token);
        if (_client is null) _socket.Dispose();
    }

    private void Expire()
    {
        if (_context.NowNs - UsedNs >= IdleNs) _table.Remove(this);
        else _context.Alarms.Set(_alarm, UsedNs + IdleNs);
    }
}
