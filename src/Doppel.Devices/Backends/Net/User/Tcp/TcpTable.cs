using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Tcp;

/// <summary>Finds the far end of a connection that the guest opens.</summary>
internal interface ITcpOpener
{
    /// <summary>Starts to connect. The remote tells the connection how that went, never from within this call.</summary>
    /// <param name="connection">The connection that wants a remote.</param>
    /// <param name="error">Why there is none.</param>
    /// <returns>Null if the destination can not be reached or must not be.</returns>
    ITcpRemote? Open(TcpConnection connection, out HostSocketError error);

    /// <summary>Tells the guest by ICMP that a segment could not be delivered.</summary>
    /// <param name="key">The connection.</param>
    /// <param name="sequence">The segment's sequence number, by which the guest knows that the error is no forgery.</param>
    /// <param name="reason">Why.</param>
    void TellUnreachable(in FlowKey key, uint sequence, Unreachable reason);
}

/// <summary>All TCP connections of the guest, bounded in number. Thread contract: the event loop's thread.</summary>
internal sealed class TcpTable(StackContext context, ITcpOpener opener)
{
    private const int MostConnections = 4096;
    private const int MostHalfOpen = 512;

    private readonly Dictionary<FlowKey, TcpConnection> _connections = [];
    private readonly Queue<TcpConnection> _scheduled = new();
    private readonly List<TcpConnection> _waiting = [];

    internal int Count => _connections.Count;

    /// <summary>Connections of the guest that no data has flowed on yet; they count themselves.</summary>
    internal int HalfOpen { get; set; }

    /// <summary>True if a connection has something to do now.</summary>
    internal bool HasWork => _scheduled.Count > 0;

    internal bool IsFull => _connections.Count >= MostConnections;

    /// <summary>Takes a segment whose checksum is right.</summary>
    internal void Input(in IpPacket packet)
    {
        if (!TcpSegment.TryParse(packet.Payload, out TcpSegment segment)) return;
        FlowKey key = new(packet.Source, segment.SourcePort, packet.Destination, segment.DestinationPort);
        bool opens = (segment.Flags & (TcpFlags.Syn | TcpFlags.Ack | TcpFlags.Rst)) == TcpFlags.Syn;
        if (_connections.TryGetValue(key, out TcpConnection? connection))
        {
            // A new connection may take the place of one that only waits for stragglers (RFC 9293, 3.6.1).
            if (!opens || connection.Phase != TcpPhase.TimeWait)
            {
                connection.Input(segment);
                return;
            }
            connection.Close(reset: false);
        }
        if (opens) Open(key, segment);
        else if (!segment.Has(TcpFlags.Rst)) TcpOutput.SendReset(context.Link, key, segment);
    }

    /// <summary>Opens a connection to the guest for a client of a published port. False if there is no room.</summary>
    internal bool TryOpen(in FlowKey key, Func<TcpConnection, ITcpRemote?> remote)
    {
        if (IsFull || _connections.ContainsKey(key)) return false;
        TcpConnection connection = new(this, context, key, HostRandom.GetUInt32());
        if (remote(connection) is not { } end) return false;
        _connections.Add(key, connection);
        connection.StartFromRemote(end);
        return true;
    }

    internal bool Contains(in FlowKey key) => _connections.ContainsKey(key);

    /// <summary>Calls <see cref="TcpConnection.Pump"/> before the loop sleeps.</summary>
    internal void Schedule(TcpConnection connection)
    {
        if (connection.IsScheduled) return;
        connection.IsScheduled = true;
        _scheduled.Enqueue(connection);
    }

    /// <summary>Schedules a connection when the guest gives buffers again.</summary>
    internal void WaitForLink(TcpConnection connection)
    {
        if (!connection.IsScheduled) _waiting.Add(connection);
        connection.IsScheduled = true;
    }

    /// <summary>The guest gives buffers again.</summary>
    internal void LinkReady()
    {
        foreach (TcpConnection connection in _waiting) _scheduled.Enqueue(connection);
        _waiting.Clear();
    }

    /// <summary>Lets each connection that has work do some; those that still have more come again in the next round.</summary>
    internal void Pump()
    {
        for (int i = _scheduled.Count; i > 0; i--)
        {
            TcpConnection connection = _scheduled.Dequeue();
            connection.IsScheduled = false;
            connection.Pump();
        }
    }

    /// <summary>Tells the guest why its connection attempt failed.</summary>
    /// <param name="key">The connection.</param>
    /// <param name="expected">The sequence number after that of the guest's SYN.</param>
    /// <param name="error">What the host said.</param>
    internal void Reject(in FlowKey key, uint expected, HostSocketError error)
    {
        Unreachable? reason = error switch
        {
            HostSocketError.NetworkUnreachable or HostSocketError.AddressNotAvailable or HostSocketError.NotSupported => Unreachable.Network,
            HostSocketError.HostUnreachable or HostSocketError.TimedOut => Unreachable.Host,
            HostSocketError.AccessDenied => Unreachable.Prohibited,
            _ => null,
        };
        if (reason is { } known) opener.TellUnreachable(key, expected - 1, known);
        else TcpOutput.Send(context.Link, key, new(0, expected, TcpFlags.Rst | TcpFlags.Ack, 0), (0, 0));
    }

    internal void Remove(TcpConnection connection) => _connections.Remove(connection.Key);

    /// <summary>Ends all connections; the guest is gone.</summary>
    internal void Clear()
    {
        foreach (TcpConnection connection in _connections.Values.ToArray()) connection.Close(reset: true);
    }

    private void Open(in FlowKey key, in TcpSegment syn)
    {
        // No answer: an honest guest asks again, a flood gets nothing.
        if (IsFull || HalfOpen >= MostHalfOpen) return;
        TcpConnection connection = new(this, context, key, HostRandom.GetUInt32());
        _connections.Add(key, connection);
        if (opener.Open(connection, out HostSocketError error) is { } remote)
        {
            connection.StartFromGuest(syn, remote);
            return;
        }
        _connections.Remove(key);
        Reject(key, syn.Sequence + 1, error);
    }
}
