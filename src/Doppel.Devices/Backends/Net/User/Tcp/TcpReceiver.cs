using Doppel.Devices.Backends.Net.User.Link;

namespace Doppel.Devices.Backends.Net.User.Tcp;

/// <summary>
/// The guest's half of the stream: puts segments in order and hands them to the remote. Data goes straight from the frame to the remote
/// while the remote takes it; only what it does not take, what comes out of order and small pieces are kept. Thread contract: the event loop's thread.
/// </summary>
internal sealed class TcpReceiver
{
    private const int Capacity = 1 << 20;
    private const int ScarceCapacity = 64 << 10;
    private const int DirectFrom = 8 << 10;

    private readonly PagePool _pool;
    private readonly PagedBuffer _buffer;
    private readonly SequenceRanges _early = new();
    private int _ready;
    private uint _edge;
    private uint? _finAt;

    internal TcpReceiver(PagePool pool)
    {
        _pool = pool;
        _buffer = new PagedBuffer(pool, Capacity);
    }

    /// <summary>The next sequence number expected.</summary>
    internal uint Next { get; private set; }

    /// <summary>True once everything up to the guest's FIN has come.</summary>
    internal bool HasEnded { get; private set; }

    /// <summary>True once the remote has all that came, and has been told of the end.</summary>
    internal bool IsDrained { get; private set; }

    /// <summary>Bytes in order that the remote has not taken yet.</summary>
    internal int Ready => _ready;

    /// <summary>What came out of order, for selective acknowledgment.</summary>
    internal SequenceRanges Early => _early;

    /// <summary>The window that was last told to the guest.</summary>
    internal uint AdvertisedWindow => Sequence.Less(Next, _edge) ? _edge - Next : 0;

    /// <summary>Sets the first sequence number of data, after the guest's SYN.</summary>
    internal void Start(uint first) => Next = _edge = first;

    /// <summary>The window to tell the guest: it never takes back what it gave (RFC 9293, 3.8.6).</summary>
    internal uint TakeWindow()
    {
        uint edge = Next + (uint)Room;
        if (Sequence.Less(_edge, edge)) _edge = edge;
        return _edge - Next;
    }

    /// <summary>True if so much room has come back that the guest should know (RFC 9293, 3.8.6.2.2).</summary>
    internal bool ShouldUpdateWindow(int segment) => Room - (int)AdvertisedWindow >= (AdvertisedWindow < 2 * segment ? 2 * segment : Capacity / 4);

    /// <summary>Takes a segment's payload and end.</summary>
    /// <returns>False if it came out of order, or was partly or all known: an acknowledgment is due at once.</returns>
    internal bool Receive(uint sequence, ReadOnlySpan<byte> payload, bool fin, ITcpRemote remote, out bool broken)
    {
        broken = false;
        if (HasEnded) return false;
        bool inOrder = sequence == Next && _early.Count == 0;
        if (fin && !Sequence.Less(sequence + (uint)payload.Length, Next)) _finAt ??= sequence + (uint)payload.Length;
        if (Sequence.Less(sequence, Next))
        {
            uint known = Next - sequence;
            payload = known < payload.Length ? payload[(int)known..] : default;
            sequence = Next;
        }
        if (sequence == Next) broken = !Append(payload, remote);
        else Keep(sequence, payload);
        if (_finAt == Next && !HasEnded)
        {
            HasEnded = true;
            Next++;
        }
        return inOrder;
    }

    /// <summary>Gives the remote what it takes.</summary>
    /// <returns>False if the remote is gone.</returns>
    internal bool Drain(ITcpRemote remote)
    {
        while (_ready > 0)
        {
            ReadOnlySpan<byte> part = _buffer.ReadableAt(0, _ready);
            int taken = remote.Write(part);
            if (taken < 0) return false;
            _ready -= taken;
            _buffer.Drop(taken, _ready == 0 && _early.Count == 0);
            if (taken < part.Length) return true;
        }
        if (HasEnded && !IsDrained)
        {
            IsDrained = true;
            remote.EndWrite();
        }
        return true;
    }

    internal void Clear() => _buffer.Clear();

    private int Room => Math.Max(0, (_pool.IsAmple ? Capacity : ScarceCapacity) - _ready);

    // Only what was kept is acknowledged; what there is no memory for comes again.
    private bool Append(ReadOnlySpan<byte> payload, ITcpRemote remote)
    {
        if (_ready == 0 && _early.Count == 0 && payload.Length >= DirectFrom)
        {
            int taken = remote.Write(payload);
            if (taken < 0) return false;
            Next += (uint)taken;
            payload = payload[taken..];
        }
        int kept = _buffer.Write(_ready, payload);
        _ready += kept;
        Next += (uint)kept;
        while (_early.TryTakeReached(Next, out uint end))
        {
            _ready += (int)(end - Next);
            Next = end;
        }
        return true;
    }

    private void Keep(uint sequence, ReadOnlySpan<byte> payload)
    {
        if (payload.IsEmpty || !_early.CanAdd) return;
        int offset = _ready + (int)(sequence - Next);
        if (offset >= Capacity) return;
        int kept = _buffer.Write(offset, payload);
        if (kept > 0) _early.Add(sequence, sequence + (uint)kept);
    }
}
