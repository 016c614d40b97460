using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Udp;

/// <summary>Decides where the guest's datagrams may go, and tells the guest what became of them.</summary>
internal interface IUdpRouter
{
    /// <summary>Finds the endpoint of the host's network that a destination of the guest stands for.</summary>
    bool TryRoute(IpEndpoint destination, out IpEndpoint target, out HostSocketError error);

    /// <summary>Tells the guest by ICMP that a datagram of a flow was not delivered.</summary>
    void TellUnreachable(in FlowKey key, Unreachable reason);
}

/// <summary>All exchanges of datagrams, bounded in number: the one that has been quiet for longest goes. Thread contract: the event loop's thread.</summary>
internal sealed class UdpTable(StackContext context, IUdpRouter router)
{
    private const int MostFlows = 1024;

    private readonly Dictionary<FlowKey, UdpFlow> _flows = [];
    private readonly Queue<UdpFlow> _scheduled = new();

    internal int Count => _flows.Count;

    internal bool HasWork => _scheduled.Count > 0 && context.Link.IsReady;

    /// <summary>Raised when a flow is gone.</summary>
    internal Action<UdpFlow> Removed { get; set; } = static _ => { };

    /// <summary>Takes a datagram whose checksum is right.</summary>
    internal void Input(in FlowKey key, ReadOnlySpan<byte> payload)
    {
        if (!_flows.TryGetValue(key, out UdpFlow? flow))
        {
            if (!router.TryRoute(new(key.Remote, key.RemotePort), out IpEndpoint target, out HostSocketError error))
            {
                Tell(key, error);
                return;
            }
            MakeRoom();
            flow = UdpFlow.TryConnect(this, context, key, target, out error);
            if (flow is null)
            {
                Tell(key, error);
                return;
            }
            _flows.Add(key, flow);
        }
        flow.Send(payload);
    }

    /// <summary>Begins an exchange for a client of a published port.</summary>
    internal UdpFlow AddClient(in FlowKey key, HostSocket published, IpEndpoint client)
    {
        MakeRoom();
        UdpFlow flow = UdpFlow.OfClient(this, context, key, published, client);
        _flows.Add(key, flow);
        return flow;
    }

    internal bool Contains(in FlowKey key) => _flows.ContainsKey(key);

    internal void Schedule(UdpFlow flow)
    {
        if (flow.IsScheduled) return;
        flow.IsScheduled = true;
        _scheduled.Enqueue(flow);
    }

    /// <summary>Passes what has come to the guest, as far as it gives buffers.</summary>
    internal void Pump()
    {
        for (int i = _scheduled.Count; i > 0 && context.Link.IsReady; i--)
        {
            UdpFlow flow = _scheduled.Dequeue();
            flow.IsScheduled = false;
            if (_flows.TryGetValue(flow.Key, out UdpFlow? known) && known == flow && flow.Pump()) Schedule(flow);
        }
    }

    internal void Remove(UdpFlow flow)
    {
        _flows.Remove(flow.Key);
        flow.Close();
        Removed(flow);
    }

    internal void Tell(in FlowKey key, HostSocketError error)
    {
        switch (error)
        {
            case HostSocketError.Refused:
                router.TellUnreachable(key, Unreachable.Port);
                break;
            case HostSocketError.HostUnreachable or HostSocketError.TimedOut:
                router.TellUnreachable(key, Unreachable.Host);
                break;
            case HostSocketError.NetworkUnreachable or HostSocketError.NotSupported or HostSocketError.AddressNotAvailable:
                router.TellUnreachable(key, Unreachable.Network);
                break;
            case HostSocketError.AccessDenied:
                router.TellUnreachable(key, Unreachable.Prohibited);
                break;
            default:
                // Datagrams may get lost.
                break;
        }
    }

    internal void Clear()
    {
        foreach (UdpFlow flow in _flows.Values.ToArray()) Remove(flow);
    }

    private void MakeRoom()
    {
        if (_flows.Count < MostFlows) return;
        Remove(_flows.Values.MinBy(static f => f.UsedNs)!);
    }
}
