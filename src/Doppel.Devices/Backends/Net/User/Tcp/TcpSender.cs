using Doppel.Devices.Backends.Net.User.Link;

namespace Doppel.Devices.Backends.Net.User.Tcp;

/// <summary>A piece of the stream that is to be sent to the guest now.</summary>
/// <param name="Sequence">Its first sequence number.</param>
/// <param name="Length">Payload in bytes.</param>
/// <param name="Fin">True if the end of the stream goes with it.</param>
/// <param name="Push">True if nothing more waits behind it.</param>
internal readonly record struct TcpPiece(uint Sequence, int Length, bool Fin, bool Push);

/// <summary>
/// The remote's half of the stream: keeps what the guest has not acknowledged and decides what to send next, by the guest's window, the
/// congestion window and what was lost (RFC 9293, 3.7 and 3.8; RFC 5681; RFC 6675). Thread contract: the event loop's thread.
/// </summary>
internal sealed class TcpSender
{
    private const int Capacity = 1 << 20;
    private const int LeastKept = 64 << 10;
    private const int DuplicatesOfLoss = 3;

    private readonly PagedBuffer _buffer;
    private readonly SequenceRanges _sacked = new();
    private RoundTripTimer _roundTrip;
    private CongestionWindow _congestion;
    private int _length;
    private uint _max;
    private uint _recoverUntil;
    private uint _repaired;
    private uint _timedSequence;
    private long _timedAtNs;
    private int _duplicates;
    private bool _recovering;
    private bool _finQueued;

    internal TcpSender(PagePool pool) => _buffer = new PagedBuffer(pool, Capacity);

    /// <summary>The oldest sequence number that is not acknowledged.</summary>
    internal uint Unacknowledged { get; private set; }

    /// <summary>The next sequence number to send.</summary>
    internal uint Next { get; private set; }

    /// <summary>The guest's window in bytes.</summary>
    internal uint Window { get; private set; }

    /// <summary>Largest payload of a segment.</summary>
    internal int Segment { get; private set; }

    /// <summary>True once the guest has acknowledged the end of the stream.</summary>
    internal bool IsFinished { get; private set; }

    internal bool FinSent => _finQueued && _max == End + 1;

    internal bool IsInFlight => Unacknowledged != _max;

    /// <summary>True if data waits that only the guest's window keeps back.</summary>
    internal bool IsStalled => !IsInFlight && _length > 0 && Window == 0;

    internal long TimeoutNs => _roundTrip.TimeoutNs;

    /// <summary>How much more of the remote's data should be read ahead now.</summary>
    internal int Room => _finQueued ? 0 : Math.Max(0, Math.Min(Capacity, Math.Max(LeastKept, 2 * _congestion.Bytes)) - _length);

    /// <summary>Sets the first sequence number of data, after our SYN.</summary>
    internal void Start(uint first, int segment)
    {
        Unacknowledged = Next = _max = _recoverUntil = first;
        Segment = segment;
        _congestion.Start(segment);
    }

    /// <summary>Counts the handshake as a measurement.</summary>
    internal void MeasureRoundTrip(long ns) => _roundTrip.Measure(ns);

    internal void SetWindow(uint window) => Window = window;

    /// <summary>Where the remote's next bytes are to be put; empty if there is no memory.</summary>
    internal Span<byte> Writable => _buffer.WritableAt(_length);

    /// <summary>Bytes were put there.</summary>
    internal void Commit(int count) => _length += count;

    /// <summary>The remote sends no more.</summary>
    internal void EndStream() => _finQueued = true;

    internal void CopyTo(uint sequence, Span<byte> destination) => _buffer.CopyTo((int)(sequence - Unacknowledged), destination);

    /// <summary>Gives memory back that was taken for reading ahead and not used.</summary>
    internal void Trim()
    {
        if (_length == 0) _buffer.Drop(0, isEmpty: true);
    }

    internal void Clear() => _buffer.Clear();

    /// <summary>Decides what to send next.</summary>
    /// <param name="largest">Most payload that fits in one frame.</param>
    /// <param name="piece">What to send.</param>
    /// <returns>False if nothing may be sent now.</returns>
    internal bool TryNext(int largest, out TcpPiece piece)
    {
        if (_recovering && TryRepair(largest, out piece)) return true;
        piece = default;
        int unsent = (int)(End - Sequence.Min(Next, End));
        long allowed = Math.Min((long)Window - (Next - Unacknowledged), (long)_congestion.Bytes - Pipe());
        int length = (int)Math.Max(0, Math.Min(Math.Min(unsent, allowed), largest));
        bool fin = _finQueued && length == unsent && Next != End + 1 && allowed >= unsent;
        if (length == 0 && !fin) return false;
        // A silly window is not filled (RFC 9293, 3.8.6.2.1) while something is under way that will open it.
        if (length < unsent && length < Segment && IsInFlight) return false;
        if (length > Segment && length < unsent) length -= length % Segment;
        piece = new(Next, length, fin, length == unsent);
        return true;
    }

    /// <summary>A piece went to the guest.</summary>
    internal void Sent(in TcpPiece piece, long nowNs)
    {
        uint end = piece.Sequence + (uint)piece.Length + (piece.Fin ? 1u : 0);
        if (Sequence.Less(piece.Sequence, _max))
        {
            _timedAtNs = 0;
        }
        else if (_timedAtNs == 0)
        {
            _timedAtNs = nowNs;
            _timedSequence = end;
        }
        if (_recovering && Sequence.Less(piece.Sequence, Next)) _repaired = Sequence.Max(_repaired, end);
        if (piece.Sequence == Next) Next = end;
        _max = Sequence.Max(_max, Next);
    }

    /// <summary>True if an acknowledgment is of something that was never sent.</summary>
    internal bool IsBeyond(uint acknowledgment) => Sequence.Less(_max, acknowledgment);

    /// <summary>Takes a selective acknowledgment (RFC 2018).</summary>
    internal void Sack(uint start, uint end)
    {
        if (Sequence.LessOrEqual(Unacknowledged, start) && Sequence.Less(start, end) && Sequence.LessOrEqual(end, _max)) _sacked.Add(start, end);
    }

    /// <summary>Takes an acknowledgment that is not beyond what was sent.</summary>
    /// <param name="acknowledgment">The number.</param>
    /// <param name="isDuplicate">True if the segment carried nothing else and changed no window.</param>
    /// <param name="nowNs">The time.</param>
    /// <returns>True if it acknowledged something new.</returns>
    internal bool Acknowledge(uint acknowledgment, bool isDuplicate, long nowNs)
    {
        if (!Sequence.Less(Unacknowledged, acknowledgment))
        {
            if (acknowledgment == Unacknowledged && IsInFlight && isDuplicate) CountDuplicate();
            return false;
        }
        int count = (int)(acknowledgment - Unacknowledged), data = Math.Min(count, _length);
        bool limited = (int)(_max - Unacknowledged) + Segment >= _congestion.Bytes;
        IsFinished = count > data;
        _length -= data;
        _buffer.Drop(data, _length == 0);
        Unacknowledged = acknowledgment;
        Next = Sequence.Max(Next, acknowledgment);
        _sacked.RemoveBefore(acknowledgment);
        _duplicates = 0;
        _roundTrip.Forward();
        if (_timedAtNs != 0 && Sequence.LessOrEqual(_timedSequence, acknowledgment))
        {
            _roundTrip.Measure(nowNs - _timedAtNs);
            _timedAtNs = 0;
        }
        if (_recovering) ContinueRecovery(acknowledgment);
        else if (limited) _congestion.Grow(count);
        return true;
    }

    /// <summary>Nothing was acknowledged in time: everything is sent again, slowly (RFC 5681, 3.1; RFC 6298, 5).</summary>
    internal void TimeOut()
    {
        _congestion.Collapse((int)(_max - Unacknowledged));
        _roundTrip.BackOff();
        // The guest may have dropped what it acknowledged selectively (RFC 2018, 8).
        _sacked.Clear();
        _recovering = false;
        _recoverUntil = _max;
        _duplicates = 0;
        _timedAtNs = 0;
        Next = Unacknowledged;
    }

    private uint End => Unacknowledged + (uint)_length;

    private void CountDuplicate()
    {
        _duplicates++;
        bool lost = _duplicates >= DuplicatesOfLoss || _sacked.Bytes > (uint)(DuplicatesOfLoss * Segment);
        // What a timeout sends again provokes duplicates that tell of no further loss (RFC 6582, 3.2).
        if (_recovering || !lost || Sequence.Less(Unacknowledged, _recoverUntil)) return;
        _recovering = true;
        _recoverUntil = _max;
        _repaired = Unacknowledged;
        _congestion.Reduce((int)(_max - Unacknowledged));
    }

    private void ContinueRecovery(uint acknowledgment)
    {
        if (!Sequence.Less(acknowledgment, _recoverUntil))
        {
            _recovering = false;
            return;
        }
        // Without selective acknowledgments each partial one tells of one more loss (RFC 6582, 3.2).
        _repaired = _sacked.Count == 0 ? acknowledgment : Sequence.Max(_repaired, acknowledgment);
    }

    // What lies between two stretches that the guest has is lost; without stretches only the first segment is known to be.
    private bool TryRepair(int largest, out TcpPiece piece)
    {
        piece = default;
        uint start = Sequence.Max(_repaired, Unacknowledged), end;
        if (_sacked.Count == 0)
        {
            if (start != Unacknowledged) return false;
            end = Sequence.Min(start + (uint)Segment, _max);
        }
        else if (!_sacked.TryFindGap(start, out start, out end))
        {
            return false;
        }
        bool first = start == Unacknowledged;
        int allowed = first ? Math.Max(Segment, _congestion.Bytes - Pipe()) : _congestion.Bytes - Pipe();
        if (allowed < Segment && !first) return false;
        bool fin = _finQueued && end == End + 1;
        int length = (int)Math.Min(Sequence.Min(end, End) - start, (uint)Math.Min(largest, allowed));
        fin &= start + (uint)length == End;
        if (length <= 0 && !fin) return false;
        piece = new(start, length, fin, Push: true);
        return true;
    }

    // What is thought to be in the network: sent, and neither acknowledged nor lost (RFC 6675, 4).
    private int Pipe()
    {
        if (!_recovering) return (int)(Next - Unacknowledged);
        if (_sacked.Count == 0) return Math.Max(0, (int)(Next - Unacknowledged) - (_duplicates * Segment));
        uint beyond = Sequence.Less(_sacked.End, Next) ? Next - _sacked.End : 0;
        uint repaired = Sequence.Less(Unacknowledged, _repaired) ? _repaired - Unacknowledged : 0;
        return (int)(beyond + Math.Min(repaired, _sacked.End - Unacknowledged));
    }
}
