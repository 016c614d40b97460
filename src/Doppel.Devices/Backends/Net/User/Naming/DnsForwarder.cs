using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Devices.Backends.Net.User.Policy;
using Doppel.Devices.Backends.Net.User.Tcp;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Naming;

/// <summary>Whoever asked.</summary>
internal interface IDnsClient
{
    /// <summary>Takes the answer, once.</summary>
    void Answer(ReadOnlySpan<byte> message);
}

/// <summary>
/// The name server of the guest's network: passes queries on to the host's resolvers, answers a few names itself, and remembers what the
/// guest was told, for the allow-list. Thread contract: the event loop's thread.
/// </summary>
internal sealed class DnsForwarder
{
    /// <summary>The domain of the names that are answered here; ".internal" is set aside for that.</summary>
    internal const string Domain = "doppel.internal";

    private const int MostPending = 256;
    private const int MostStreams = 64;

    private readonly StackContext _context;
    private readonly EgressPolicy _policy;
    private readonly HostResolvers _resolvers;
    private readonly HashSet<DnsExchange> _pending = [];
    private readonly Dictionary<string, (IpAddress V4, IpAddress? V6)> _own;

    internal DnsForwarder(StackContext context, EgressPolicy policy, HostResolvers resolvers, string hostName)
    {
        _context = context;
        _policy = policy;
        _resolvers = resolvers;
        AddressPlan plan = context.Plan;
        IpAddress? host6 = plan.HasV6 ? plan.Host6 : null, dns6 = plan.HasV6 ? plan.Dns6 : null;
        _own = new Dictionary<string, (IpAddress V4, IpAddress? V6)>(StringComparer.Ordinal)
        {
            [$"{hostName.ToLowerInvariant()}.{Domain}"] = (plan.Guest4, null),
            [$"gateway.{Domain}"] = (plan.Host4, host6),
            [$"dns.{Domain}"] = (plan.Dns4, dns6),
            [$"host.{Domain}"] = (plan.Host4, host6),
        };
        foreach ((string name, (IpAddress v4, IpAddress? v6)) in _own)
        {
            policy.LearnOwn(name, v4);
            if (v6 is { } address) policy.LearnOwn(name, address);
        }
    }

    internal StackContext Context => _context;

    internal int Pending => _pending.Count;

    /// <summary>The guest's TCP connections to here; each holds some memory.</summary>
    internal int Streams { get; set; }

    /// <summary>The far end of a TCP connection to the name server; null if the guest has too many (RFC 7766, 6.2.2 lets servers limit them).</summary>
    internal DnsTcpService? TryOpenStream(TcpConnection connection)
    {
        if (Streams >= MostStreams) return null;
        Streams++;
        return new DnsTcpService(this, connection);
    }

    /// <summary>Takes a query of the guest.</summary>
    /// <param name="message">The query.</param>
    /// <param name="overTcp">True to ask the resolvers over TCP too, because the answer may be long.</param>
    /// <param name="client">Gets the answer.</param>
    internal void Ask(ReadOnlySpan<byte> message, bool overTcp, IDnsClient client)
    {
        if (message.Length < Dns.HeaderLength || DnsMessage.IsResponse(message)) return;
        if (!DnsMessage.IsStandardQuery(message))
        {
            client.Answer(DnsMessage.Fail(message, Dns.HeaderLength, Dns.NotImplemented));
        }
        else if (!DnsQuestion.TryRead(message, out DnsQuestion question))
        {
            client.Answer(DnsMessage.Fail(message, Dns.HeaderLength, Dns.FormatError));
        }
        else if (_own.TryGetValue(question.Name, out (IpAddress V4, IpAddress? V6) own))
        {
            IpAddress? address = question.Type == Dns.TypeA ? own.V4 : question.Type == Dns.TypeAaaa ? own.V6 : null;
            client.Answer(DnsMessage.Answer(message, question, address));
        }
        else if (question.Name.EndsWith($".{Domain}", StringComparison.Ordinal))
        {
            client.Answer(DnsMessage.Fail(message, question.End, Dns.NameError));
        }
        else if (!_policy.MayResolve(question.Name))
        {
            client.Answer(DnsMessage.Fail(message, question.End, Dns.Refused));
        }
        else
        {
            Forward(message, question, overTcp, client);
        }
    }

    /// <summary>A resolver answered; the guest's number stands in the message.</summary>
    internal void Answered(DnsExchange exchange, ReadOnlySpan<byte> response)
    {
        if (!_pending.Remove(exchange)) return;
        DnsMessage.ReadAddresses(response, exchange.Question, (address, lifetime) => _policy.Learn(exchange.Question.Name, address, lifetime, _context.NowNs));
        exchange.Client.Answer(response);
    }

    /// <summary>No resolver answered.</summary>
    internal void Failed(DnsExchange exchange, ReadOnlySpan<byte> query)
    {
        if (_pending.Remove(exchange)) exchange.Client.Answer(DnsMessage.Fail(query, exchange.Question.End, Dns.ServerFailure));
    }

    internal void Clear()
    {
        foreach (DnsExchange exchange in _pending) exchange.Close();
        _pending.Clear();
    }

    private void Forward(ReadOnlySpan<byte> message, DnsQuestion question, bool overTcp, IDnsClient client)
    {
        if (_pending.Count >= MostPending)
        {
            client.Answer(DnsMessage.Fail(message, question.End, Dns.ServerFailure));
            return;
        }
        DnsExchange exchange = new(this, question, overTcp, client);
        _pending.Add(exchange);
        exchange.Start(message, _resolvers.Servers(_context.NowNs));
    }
}
