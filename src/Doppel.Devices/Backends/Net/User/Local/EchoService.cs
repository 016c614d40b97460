using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Devices.Backends.Net.User.Policy;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Local;

/// <summary>
/// Answers echo requests to this side's addresses, and passes others on through sockets that need no privileges, where the host allows
/// such. Thread contract: the event loop's thread.
/// </summary>
internal sealed class EchoService(StackContext context, EgressPolicy policy)
{
    private const byte Request4 = 8, Reply4 = 0, Request6 = 128, Reply6 = 129;
    private const int MostFlows = 64;

    private readonly Dictionary<Key, EchoFlow> _flows = [];

    /// <summary>Takes a message whose checksum is right.</summary>
    internal void Input(in IpPacket packet)
    {
        ReadOnlySpan<byte> message = packet.Payload;
        if (message.Length < HeaderLength.Icmp || message[0] != (packet.IsV4 ? Request4 : Request6)) return;
        if (context.Plan.IsOurs(packet.Destination)) Answer(packet);
        else Forward(packet);
    }

    internal void Clear()
    {
        foreach (EchoFlow flow in _flows.Values.ToArray()) flow.Close();
    }

    private void Answer(in IpPacket packet)
    {
        Span<byte> reply = context.Link.Begin(packet.IsV4);
        packet.Payload.CopyTo(reply);
        reply[0] = packet.IsV4 ? Reply4 : Reply6;
        IcmpOutput.Send(context.Link, packet.Destination, packet.Source, packet.Payload.Length);
    }

    private void Forward(in IpPacket packet)
    {
        Key key = new(packet.Source, packet.Destination, BinaryPrimitives.ReadUInt16BigEndian(packet.Payload[4..]));
        if (!_flows.TryGetValue(key, out EchoFlow? flow))
        {
            Unreachable reason = Unreachable.Host;
            flow = policy.TryRoute(new(packet.Destination, 0), context.NowNs, out IpEndpoint target, out HostSocketError error)
                ? EchoFlow.TryOpen(this, context, key, target, out error) : null;
            if (flow is null)
            {
                // A host that lets nobody send echo requests is a policy too.
                if (error == HostSocketError.AccessDenied) reason = Unreachable.Prohibited;
                else if (error == HostSocketError.NetworkUnreachable) reason = Unreachable.Network;
                byte protocol = packet.IsV4 ? IpProtocol.Icmp : IpProtocol.Icmp6;
                IcmpOutput.SendUnreachable(context, (packet.Source, packet.Destination), protocol, packet.Payload, reason);
                return;
            }
            if (_flows.Count >= MostFlows) _flows.Values.MinBy(static f => f.UsedNs)!.Close();
            _flows.Add(key, flow);
        }
        flow.Send(packet.Payload);
    }

    internal readonly record struct Key(IpAddress Guest, IpAddress Remote, ushort Identifier);

    /// <summary>One program of the guest's that sends echo requests to one destination.</summary>
    private sealed class EchoFlow : ISocketOwner
    {
        private const long IdleNs = 30_000_000_000;
        private const int MostAtOnce = 64;

        private readonly EchoService _service;
        private readonly StackContext _context;
        private readonly Key _key;
        private readonly HostSocket _socket;
        private readonly Alarm _alarm;
        private ulong _token;

        private EchoFlow(EchoService service, StackContext context, Key key, HostSocket socket)
        {
            _service = service;
            _context = context;
            _key = key;
            _socket = socket;
            _alarm = new Alarm(Expire);
        }

        internal long UsedNs { get; private set; }

        internal static EchoFlow? TryOpen(EchoService service, StackContext context, Key key, IpEndpoint to, out HostSocketError error)
        {
            HostSocket? socket = HostSocket.TryOpen(HostSocketKind.Echo, !to.Address.IsV4, out error);
            if (socket is null) return null;
            error = socket.Connect(to);
            EchoFlow flow = new(service, context, key, socket) { UsedNs = context.NowNs };
            if (error == HostSocketError.None && context.Sockets.TryAdd(socket, flow) is { } token)
            {
                flow._token = token;
                context.Alarms.Set(flow._alarm, context.NowNs + IdleNs);
                return flow;
            }
            socket.Dispose();
            return null;
        }

        internal void Send(ReadOnlySpan<byte> message)
        {
            UsedNs = _context.NowNs;
            // The host's kernel puts the number of this socket and the checksum in.
            _socket.Send(message, out _);
        }

        public void SocketReady(bool readable, bool writable)
        {
            bool v4 = _key.Guest.IsV4;
            for (int i = 0; readable && i < MostAtOnce; i++)
            {
                Span<byte> room = _context.Link.Begin(v4);
                int count = _socket.Receive(room[..^HeaderLength.Ipv4], out HostSocketError error);
                if (error == HostSocketError.WouldBlock) return;
                if (count < HeaderLength.Icmp) continue;
                BinaryPrimitives.WriteUInt16BigEndian(room[4..], _key.Identifier);
                IcmpOutput.Send(_context.Link, _key.Remote, _key.Guest, count);
            }
        }

        internal void Close()
        {
            _service._flows.Remove(_key);
            _context.Alarms.Remove(_alarm);
            _context.Sockets.Remove(_token);
            _socket.Dispose();
        }

        private void Expire()
        {
            if (_context.NowNs - UsedNs >= IdleNs) Close();
            else _context.Alarms.Set(_alarm, UsedNs + IdleNs);
        }
    }
}
