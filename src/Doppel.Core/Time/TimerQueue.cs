namespace Doppel.Core.Time;

/// <summary>
/// Armed timers and posted inputs in the order in which they are due; ties go by the order of arming, so that a run repeats.
/// Thread contract: all members from any thread.
/// </summary>
internal sealed class TimerQueue
{
    private readonly Lock _gate = new();
    private readonly PriorityQueue<(Timer Timer, long Generation), (long Deadline, long Order)> _timers = new();
    private readonly Queue<Action> _posted = new();
    private long _order;

    /// <summary>Raised, outside the lock, when the earliest deadline may have moved forward or an input came in.</summary>
    internal Action Changed { get; set; } = static () => { };

    internal MachineTimer Create(Action callback) => new Timer(this, callback);

    internal void Post(Action action)
    {
        lock (_gate) _posted.Enqueue(action);
        Changed();
    }

    /// <summary>Earliest deadline in virtual nanoseconds: 0 if an input waits, <see cref="long.MaxValue"/> if nothing does.</summary>
    internal long NextDeadline
    {
        get
        {
            lock (_gate)
            {
                if (_posted.Count > 0) return 0;
                DropStale();
                return _timers.TryPeek(out _, out (long Deadline, long Order) due) ? due.Deadline : long.MaxValue;
            }
        }
    }

    /// <summary>Takes the next callback that is due at a time; inputs go before timers.</summary>
    internal Action? TakeDue(long nowNs)
    {
        lock (_gate)
        {
            if (_posted.TryDequeue(out Action? posted)) return posted;
            DropStale();
            if (!_timers.TryPeek(out (Timer Timer, long Generation) top, out (long Deadline, long Order) due) || due.Deadline > nowNs) return null;
            _timers.Dequeue();
            top.Timer.Generation++;
            return top.Timer.Callback;
        }
    }

    // A timer that was armed again or disarmed leaves its old entry behind; it is recognised by its generation.
    private void DropStale()
    {
        while (_timers.TryPeek(out (Timer Timer, long Generation) top, out _) && top.Timer.Generation != top.Generation) _timers.Dequeue();
    }

    private sealed class Timer(TimerQueue queue, Action callback) : MachineTimer
    {
        internal readonly Action Callback = callback;
        internal long Generation;

        public override void Arm(long deadlineNs)
        {
            lock (queue._gate) queue._timers.Enqueue((this, ++Generation), (deadlineNs, queue._order++));
            queue.Changed();
        }

        public override void Disarm()
        {
            lock (queue._gate) Generation++;
        }
    }
}
