using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Naming;

/// <summary>
/// One query on its way to the host's resolvers, one after the other, each time from a fresh port and under a fresh number, so that nobody
/// else can answer it (RFC 5452). Thread contract: the event loop's thread.
/// </summary>
internal sealed class DnsExchange : ISocketOwner
{
    private const long DatagramPatienceNs = 2_000_000_000;
    private const long StreamPatienceNs = 6_000_000_000;
    private const int Rounds = 2;
    private const int Prefix = sizeof(ushort);

    private readonly DnsForwarder _forwarder;
    private readonly bool _overTcp;
    private readonly Alarm _alarm;
    // Over TCP a message follows its length; over UDP the first two bytes are not used.
    private byte[] _query = [];
    private IReadOnlyList<IpEndpoint> _servers = [];
    private HostSocket? _socket;
    private ulong _token;
    private byte[] _answer = [];
    private int _sent;
    private int _received;
    private int _tries;
    private ushort _guestNumber;

    internal DnsExchange(DnsForwarder forwarder, DnsQuestion question, bool overTcp, IDnsClient client)
    {
        _forwarder = forwarder;
        _overTcp = overTcp;
        Question = question;
        Client = client;
        _alarm = new Alarm(TryNext);
    }

    internal DnsQuestion Question { get; }

    internal IDnsClient Client { get; }

    internal void Start(ReadOnlySpan<byte> message, IReadOnlyList<IpEndpoint> servers)
    {
        _query = new byte[Prefix + message.Length];
        BinaryPrimitives.WriteUInt16BigEndian(_query, (ushort)message.Length);
        message.CopyTo(_query.AsSpan(Prefix));
        _guestNumber = BinaryPrimitives.ReadUInt16BigEndian(message);
        _servers = servers;
        TryNext();
    }

    public void SocketReady(bool readable, bool writable)
    {
        bool fine = _overTcp ? Stream(readable, writable) : !readable || Datagram();
        if (!fine) TryNext();
    }

    internal void Close()
    {
        _forwarder.Context.Alarms.Remove(_alarm);
        if (_socket is null) return;
        _forwarder.Context.Sockets.Remove(_token);
        _socket.Dispose();
        _socket = null;
    }

    private Span<byte> Query => _query.AsSpan(Prefix);

    private void TryNext()
    {
        Close();
        while (_tries < _servers.Count * Rounds)
        {
            IpEndpoint server = _servers[_tries++ % _servers.Count];
            HostRandom.Fill(Query[..2]);
            if (!TryOpen(server)) continue;
            _forwarder.Context.Alarms.Set(_alarm, _forwarder.Context.NowNs + (_overTcp ? StreamPatienceNs : DatagramPatienceNs));
            return;
        }
        BinaryPrimitives.WriteUInt16BigEndian(Query, _guestNumber);
        _forwarder.Failed(this, Query);
    }

    private bool TryOpen(IpEndpoint server)
    {
        HostSocket? socket = HostSocket.TryOpen(_overTcp ? HostSocketKind.Stream : HostSocketKind.Datagram, !server.Address.IsV4, out _);
        if (socket is null) return false;
        HostSocketError error = socket.Connect(server);
        if (error == HostSocketError.None && !_overTcp) socket.Send(Query, out error);
        bool started = error == HostSocketError.None || (_overTcp && error == HostSocketError.WouldBlock);
        if (started && _forwarder.Context.Sockets.TryAdd(socket, this) is { } token)
        {
            _token = token;
            _socket = socket;
            _sent = _received = 0;
            return true;
        }
        socket.Dispose();
        return false;
    }

    // False if this resolver is of no use.
    private bool Datagram()
    {
        while (_socket is { } socket)
        {
            byte[] scratch = _forwarder.Context.Scratch;
            int count = socket.Receive(scratch, out HostSocketError error);
            if (error == HostSocketError.WouldBlock) return true;
            if (error != HostSocketError.None) return false;
            if (!DnsMessage.Answers(scratch.AsSpan(0, count), Query, Question)) continue;
            if (ShouldAskOthers(scratch)) return false;
            Finish(scratch.AsSpan(0, count));
        }
        return true;
    }

    private bool Stream(bool readable, bool writable)
    {
        if (_socket!.TakeError() != HostSocketError.None) return false;
        while (writable && _sent < _query.Length)
        {
            _sent += _socket.Send(_query.AsSpan(_sent), out HostSocketError error);
            if (error == HostSocketError.WouldBlock) break;
            if (error != HostSocketError.None) return false;
        }
        while (readable && _socket is { } socket)
        {
            if (_answer.Length == 0) _answer = new byte[Prefix + Dns.LongestMessage];
            int wanted = _received < Prefix ? Prefix : Prefix + BinaryPrimitives.ReadUInt16BigEndian(_answer);
            int count = socket.Receive(_answer.AsSpan(_received, wanted - _received), out HostSocketError error);
            if (error == HostSocketError.WouldBlock) return true;
            if (error != HostSocketError.None || count == 0) return false;
            _received += count;
            if (_received < wanted || wanted == Prefix) continue;
            if (!DnsMessage.Answers(_answer.AsSpan(Prefix, wanted - Prefix), Query, Question) || ShouldAskOthers(_answer.AsSpan(Prefix))) return false;
            Finish(_answer.AsSpan(Prefix, wanted - Prefix));
        }
        return true;
    }

    // As the C library's resolver does; what the last one says goes to the guest.
    private bool ShouldAskOthers(ReadOnlySpan<byte> response) => DnsMessage.IsRefusal(response) && _tries < _servers.Count;

    private void Finish(Span<byte> response)
    {
        Close();
        BinaryPrimitives.WriteUInt16BigEndian(response, _guestNumber);
        _forwarder.Answered(this, response);
    }
}
