using Doppel.Devices.Backends.Net;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Net;

/// <summary>
/// Takes frames from the driver's transmit queues (virtio 1.2, section 5.1.6.2) and gives them to the back end. A frame is copied before
/// anything in it is looked at, because the driver may change it meanwhile.
/// Thread contract: <see cref="Serve"/> one at a time, the rest from any thread.
/// </summary>
internal sealed class NetTransmit(INetBackend backend, Action<string> log)
{
    private const int HeaderSize = NetReceive.HeaderSize;

    // So many frames of one queue before the next queue's turn, and before the driver is told of them.
    private const int Batch = 64;

    private readonly byte[] _frame = new byte[VnetHeader.MaxFrame];
    private IVirtioTransport? _transport;
    private VirtQueueChain? _chain;
    private volatile Session? _session;
    private bool _hasLogged;

    /// <summary>Knows which queue each flow uses.</summary>
    internal NetSteering Steering { get; } = new();

    internal void Attach(IVirtioTransport transport)
    {
        _transport = transport;
        _chain = new VirtQueueChain(transport.Memory);
    }

    /// <summary>The driver is ready.</summary>
    internal void Start(ulong features, int pairs) => _session = new Session(NetFeatures.GuestGives(features, backend.Capabilities.Mtu), pairs);

    /// <summary>The driver has gone; the frame at hand may still leave.</summary>
    internal void Stop() => _session = null;

    /// <summary>Sends all that waits.</summary>
    internal void Serve()
    {
        bool again;
        do
        {
            again = false;
            if (_session is not { } session) return;
            for (int pair = 0; pair < session.Pairs; pair++) again |= ServeQueue(session, pair);
        }
        while (again);
    }

    // True if there may be more.
    private bool ServeQueue(Session session, int pair)
    {
        int index = (2 * pair) + 1;
        VirtQueue queue = _transport!.Queues[index];
        lock (queue.Gate) queue.DisableNotifications();
        int count = 0;
        while (count < Batch && ServeOne(session, queue, pair)) count++;
        bool signal, again;
        lock (queue.Gate)
        {
            signal = queue.NeedsSignal();
            again = count == Batch || !queue.EnableNotifications();
        }
        if (signal) _transport.SignalQueue(index);
        return again && _session == session;
    }

    private bool ServeOne(Session session, VirtQueue queue, int pair)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        int length;
        lock (queue.Gate)
        {
            if (_session != session || !queue.TryPop(_chain!)) return false;
            long frameLength = (long)_chain!.ReadableLength - HeaderSize;
            bool isWhole = frameLength is >= VnetHeader.MinFrame and <= VnetHeader.MaxFrame && _chain.CopyOut(0, header) == HeaderSize;
            length = isWhole ? _chain.CopyOut(HeaderSize, _frame.AsSpan(0, (int)frameLength)) : 0;
            queue.Push(_chain, 0);
        }
        ReadOnlySpan<byte> frame = _frame.AsSpan(0, length);
        if (!VnetHeader.TryRead(header, length, out NetOffload offload) || !session.Gives.Takes(offload))
        {
            LogOnce();
            return true;
        }
        if (session.Pairs > 1) Steering.Learn(frame, pair);
        backend.Transmit(frame, offload);
        return true;
    }

    private void LogOnce()
    {
        if (_hasLogged) return;
        _hasLogged = true;
        log("virtio network: the driver sent what is no frame, or asked for what was not agreed on; such frames are dropped");
    }

    private sealed record Session(NetCapabilities Gives, int Pairs);
}
