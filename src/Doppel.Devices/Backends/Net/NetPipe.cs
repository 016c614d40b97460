using Doppel.Core.Time;

namespace Doppel.Devices.Backends.Net;

/// <summary>Hands a frame on when it has arrived.</summary>
/// <returns>False if the receiver has no room now.</returns>
internal delegate bool NetPipeEnd(ReadOnlySpan<byte> frame, in NetOffload offload);

/// <summary>
/// One direction of a bad network. Frames come out as events of the machine's time. Thread contract: all members from any thread.
/// </summary>
internal sealed class NetPipe
{
    // As many as Linux's netem keeps.
    private const int Capacity = 1000;

    private readonly Lock _gate = new();
    private readonly NetImpairmentOptions _options;
    private readonly MachineTime _time;
    private readonly MachineTimer _timer;
    private readonly Random _random;
    private readonly NetPipeEnd _end;
    private readonly PriorityQueue<Waiting, (long Due, long Order)> _waiting = new();
    private Waiting? _blocked;
    private long _order;
    private long _lineFreeNs;
    private long _lastDueNs;
    private bool _closed;

    internal NetPipe(NetImpairmentOptions options, int direction, MachineTime time, NetPipeEnd end)
    {
        _options = options;
        _time = time;
        _end = end;
        _timer = time.CreateTimer(Arrive);
        _random = new Random(HashCode(options.Seed) + direction);
    }

    /// <summary>Puts a copy of a frame in, or loses it.</summary>
    internal void Send(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        lock (_gate)
        {
            // The numbers are drawn in any case, so that one frame's fate does not move with another option.
            bool isLost = Chance(_options.Loss), isTwice = Chance(_options.Duplicate), overtakes = Chance(_options.Reorder);
            double shift = (2 * _random.NextDouble()) - 1;
            if (_closed || isLost || _waiting.Count >= Capacity) return;
            Waiting waiting = new(frame.ToArray(), offload);
            long due = DueNs(frame.Length, overtakes, shift);
            _waiting.Enqueue(waiting, (due, _order++));
            if (isTwice) _waiting.Enqueue(waiting, (due, _order++));
            Arm();
        }
    }

    /// <summary>The receiver has room again.</summary>
    internal void Ready()
    {
        lock (_gate)
        {
            if (_blocked is not null && !_closed) _timer.Arm(_time.NowNs);
        }
    }

    /// <summary>Loses all that is on its way.</summary>
    internal void Close()
    {
        lock (_gate)
        {
            _closed = true;
            _timer.Disarm();
            _waiting.Clear();
        }
    }

    // String hashes differ from run to run; this one does not.
    private static int HashCode(ulong seed) => (int)(seed ^ (seed >> 32));

    private bool Chance(double part) => _random.NextDouble() < part;

    private long DueNs(int length, bool overtakes, double shift)
    {
        long now = _time.NowNs, sent = now;
        if (_options.BitsPerSecond > 0)
        {
            sent = Math.Max(now, _lineFreeNs) + (long)(length * 8e9 / _options.BitsPerSecond);
            _lineFreeNs = sent;
        }
        if (overtakes) return sent;
        long delay = (long)((_options.Delay.TotalNanoseconds) + (shift * _options.Jitter.TotalNanoseconds));
        _lastDueNs = Math.Max(_lastDueNs, sent + Math.Max(0, delay));
        return _lastDueNs;
    }

    private void Arm()
    {
        if (_blocked is null && _waiting.TryPeek(out _, out (long Due, long Order) first)) _timer.Arm(first.Due);
    }

    // Callbacks of the machine's time run one after the other, so that only one thread is in here.
    private void Arrive()
    {
        while (TryTake(out Waiting frame))
        {
            if (_end(frame.Bytes, frame.Offload)) continue;
            lock (_gate) _blocked = frame;
            // The receiver may have called before the frame was put aside.
            if (!_end(frame.Bytes, frame.Offload)) return;
            lock (_gate) _blocked = null;
        }
        lock (_gate) Arm();
    }

    private bool TryTake(out Waiting frame)
    {
        lock (_gate)
        {
            frame = default;
            if (_closed) return false;
            if (_blocked is { } held)
            {
                frame = held;
                _blocked = null;
                return true;
            }
            return _waiting.TryPeek(out _, out (long Due, long Order) first) && first.Due <= _time.NowNs && _waiting.TryDequeue(out frame, out _);
        }
    }

    private readonly record struct Waiting(byte[] Bytes, NetOffload Offload);
}
