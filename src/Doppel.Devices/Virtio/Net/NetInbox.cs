using Doppel.Devices.Backends.Net;

namespace Doppel.Devices.Virtio.Net;

/// <summary>A frame that waits for the guest's time.</summary>
internal readonly record struct NetInboxFrame(byte[] Bytes, NetOffload Offload);

/// <summary>Frames from the host on their way into deterministic time. Thread contract: all members from any thread.</summary>
internal sealed class NetInbox
{
    private const int Capacity = 256;

    private readonly Lock _gate = new();
    private readonly Queue<NetInboxFrame> _frames = new();
    private bool _refused;

    /// <summary>Keeps a copy of a frame; false if too many wait.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="offload">What goes with it.</param>
    /// <param name="isFirst">True if nothing waited before.</param>
    internal bool TryAdd(ReadOnlySpan<byte> frame, in NetOffload offload, out bool isFirst)
    {
        lock (_gate)
        {
            isFirst = _frames.Count == 0;
            _refused = _frames.Count == Capacity;
            if (!_refused) _frames.Enqueue(new NetInboxFrame(frame.ToArray(), offload));
            return !_refused;
        }
    }

    internal bool TryPeek(out NetInboxFrame frame)
    {
        lock (_gate) return _frames.TryPeek(out frame);
    }

    internal void Remove()
    {
        lock (_gate) _frames.TryDequeue(out _);
    }

    /// <summary>True if a frame was refused since this was last asked.</summary>
    internal bool TakeRefused()
    {
        lock (_gate)
        {
            bool refused = _refused;
            _refused = false;
            return refused;
        }
    }

    internal void Clear()
    {
        lock (_gate) _frames.Clear();
    }
}
