using Doppel.Devices.Backends.Net;
using Doppel.Devices.Backends.Net.User;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Devices.Backends.Net.User.Tcp;
using Doppel.Host;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>The TCP of the user network between far ends in memory and guests that the test plays, in a time that the test moves.</summary>
internal sealed class TcpBench : ITcpOpener, INetReceiver, IDisposable
{
    private readonly SocketLoop _sockets = new();
    private readonly Func<TcpConnection, MemoryRemote> _remote;

    internal TcpBench(Func<TcpConnection, MemoryRemote> remote)
    {
        _remote = remote;
        Context = new StackContext(new UserNetworkOptions().ToPlan(), _sockets);
        Context.Link.Attach(this);
        Context.Link.Refresh();
        Context.Link.Neighbours.Learn(StackBench.Guest, StackBench.GuestMac);
        Table = new TcpTable(Context, this);
    }

    public NetCapabilities Capabilities => NetCapabilities.Plain;

    internal StackContext Context { get; }

    internal TcpTable Table { get; }

    internal List<MemoryRemote> Remotes { get; } = [];

    internal Queue<byte[]> Received { get; } = new();

    /// <summary>True to let far ends connect at once.</summary>
    internal bool Connects { get; set; } = true;

    public bool TryReceive(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        Received.Enqueue(frame.ToArray());
        return true;
    }

    public ITcpRemote? Open(TcpConnection connection, out HostSocketError error)
    {
        error = HostSocketError.None;
        MemoryRemote remote = _remote(connection);
        Remotes.Add(remote);
        return remote;
    }

    public void TellUnreachable(in FlowKey key, uint sequence, Unreachable reason) => throw new InvalidOperationException("everything is reachable");

    internal void Send(byte[] frame)
    {
        Assert.True(IpPacket.TryParse4(frame.AsSpan(14), out IpPacket packet));
        Table.Input(packet);
        foreach (MemoryRemote remote in Remotes)
        {
            if (Connects) remote.Connection.RemoteConnected();
        }
        Table.Pump();
    }

    internal void Advance(TimeSpan time)
    {
        Context.NowNs += time.Ticks * 100;
        Context.Alarms.Run(Context.NowNs);
        Table.Pump();
    }

    /// <summary>Connects a guest.</summary>
    internal MiniTcp Connect(byte[]? outgoing = null, ushort window = 60000)
    {
        MiniTcp guest = new(outgoing ?? []) { Window = window };
        Send(guest.Syn());
        foreach (byte[] answer in guest.Input(Received.Dequeue())) Send(answer);
        return guest;
    }

    /// <summary>The next segment for the guest.</summary>
    internal TcpSegmentCopy Next()
    {
        byte[] frame = Received.Dequeue();
        Assert.True(IpPacket.TryParse4(frame.AsSpan(14), out IpPacket packet) && packet.HasValidChecksum());
        Assert.True(TcpSegment.TryParse(packet.Payload, out TcpSegment segment));
        return new(segment.Sequence, segment.Acknowledgment, segment.Flags, segment.Window, segment.Payload.ToArray());
    }

    public void Dispose() => _sockets.Dispose();
}

/// <summary>A segment that outlives its frame.</summary>
internal sealed record TcpSegmentCopy(uint Sequence, uint Acknowledgment, TcpFlags Flags, ushort Window, byte[] Payload);
