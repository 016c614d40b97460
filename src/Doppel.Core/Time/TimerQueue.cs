namespace Doppel.Core.Time;

/// <summary>
/// Armed timers and posted inputs in the order in which they are due; ties go by the order of arming, so that a run repeats.
/// Thread contract: all members from any thread.
/// </summary>
internal sealed class TimerQueue
{
    private readonly Lock _gate = new();
    // A binary heap in which each armed timer stands once, so that arming again and again costs no memory.
    private readonly List<Timer> _heap = [];
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

    /// <summary>True if a posted input waits.</summary>
    internal bool HasInput
    {
        get
        {
            lock (_gate) return _posted.Count > 0;
        }
    }

    /// <summary>Earliest deadline in virtual nanoseconds: 0 if an input waits, <see cref="long.MaxValue"/> if nothing does.</summary>
    internal long NextDeadline
    {
        get
        {
            lock (_gate)
            {
                if (_posted.Count > 0) return 0;
                return _heap.Count > 0 ? _heap[0].Deadline : long.MaxValue;
            }
        }
    }

    /// <summary>Takes the next callback that is due at a time; inputs go before timers.</summary>
    internal Action? TakeDue(long nowNs)
    {
        lock (_gate)
        {
            if (_posted.TryDequeue(out Action? posted)) return posted;
            if (_heap.Count == 0 || _heap[0].Deadline > nowNs) return null;
            Timer top = _heap[0];
            Remove(top);
            return top.Callback;
        }
    }

    // Returns true if the timer is now the earliest.
    private bool Insert(Timer timer, long deadline)
    {
        Remove(timer);
        timer.Deadline = deadline;
        timer.Order = _order++;
        timer.Index = _heap.Count;
        _heap.Add(timer);
        SiftUp(timer);
        return timer.Index == 0;
    }

    private void Remove(Timer timer)
    {
        int index = timer.Index;
        if (index < 0) return;
        timer.Index = -1;
        Timer last = _heap[^1];
        _heap.RemoveAt(_heap.Count - 1);
        if (last == timer) return;
        Place(last, index);
        SiftUp(last);
        SiftDown(last);
    }

    private void SiftUp(Timer timer)
    {
        while (timer.Index > 0)
        {
            Timer parent = _heap[(timer.Index - 1) / 2];
            if (!timer.IsBefore(parent)) return;
            Swap(timer, parent);
        }
    }

    private void SiftDown(Timer timer)
    {
        while (true)
        {
            int child = (2 * timer.Index) + 1;
            if (child >= _heap.Count) return;
            if (child + 1 < _heap.Count && _heap[child + 1].IsBefore(_heap[child])) child++;
            if (!_heap[child].IsBefore(timer)) return;
            Swap(timer, _heap[child]);
        }
    }

    private void Swap(Timer a, Timer b)
    {
        int index = a.Index;
        Place(a, b.Index);
        Place(b, index);
    }

    private void Place(Timer timer, int index)
    {
        _heap[index] = timer;
        timer.Index = index;
    }

    private sealed class Timer(TimerQueue queue, Action callback) : MachineTimer
    {
        internal readonly Action Callback = callback;
        internal long Deadline;
        internal long Order;
        internal int Index = -1;

        internal bool IsBefore(Timer other) => Deadline != other.Deadline ? Deadline < other.Deadline : Order < other.Order;

        public override void Arm(long deadlineNs)
        {
            bool earliest;
            lock (queue._gate) earliest = queue.Insert(this, deadlineNs);
            if (earliest) queue.Changed();
        }

        public override void Disarm()
        {
            lock (queue._gate) queue.Remove(this);
        }
    }
}
