namespace Doppel.Devices.Virtio.Vsock;

/// <summary>
/// What the device owes the guest apart from its connections: resets of packets that belong to none, and requests that the host has not
/// decided on. Both are bounded together: while they are full, the device takes no packets (section 5.10.6.1.2).
/// Thread contract: the device's lock.
/// </summary>
internal sealed class VsockReplies
{
    private const int Most = 128;

    private readonly Queue<VsockHeader> _resets = new();
    private readonly Queue<VsockHeader> _requests = new();

    internal bool IsFull => _resets.Count + _requests.Count >= Most;

    internal bool HasResets => _resets.Count != 0;

    internal bool HasRequests => _requests.Count != 0;

    internal void AddRequest(in VsockHeader request) => _requests.Enqueue(request);

    /// <summary>Answers a packet with a reset, in the type it came with.</summary>
    internal void AddReset(in VsockHeader packet) => _resets.Enqueue(new VsockHeader
    {
        SourceCid = packet.DestinationCid,
        DestinationCid = packet.SourceCid,
        SourcePort = packet.DestinationPort,
        DestinationPort = packet.SourcePort,
        Type = packet.Type,
        Operation = VsockOperation.Reset,
    });

    /// <summary>Resets a connection from the host's side.</summary>
    internal void AddReset(VsockConnection connection, ulong guestCid) => _resets.Enqueue(new VsockHeader
    {
        SourceCid = VsockHost.HostCid,
        DestinationCid = guestCid,
        SourcePort = connection.HostPort,
        DestinationPort = connection.GuestPort,
        Type = VsockHeader.StreamType,
        Operation = VsockOperation.Reset,
    });

    internal bool TryTakeReset(out VsockHeader reset) => _resets.TryDequeue(out reset);

    internal bool TryTakeRequest(out VsockHeader request) => _requests.TryDequeue(out request);

    internal void Clear()
    {
        _resets.Clear();
        _requests.Clear();
    }
}
