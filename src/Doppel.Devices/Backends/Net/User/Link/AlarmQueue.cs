namespace Doppel.Devices.Backends.Net.User.Link;

/// <summary>
/// The deadlines of all flows. Moving a deadline back, which each acknowledgment does, costs nothing: the alarm stays where it is queued and
/// is put back when that moment comes. Thread contract: the event loop's thread.
/// </summary>
internal sealed class AlarmQueue
{
    private readonly List<Alarm> _heap = [];

    /// <summary>When <see cref="Run"/> is next needed, in nanoseconds; <see cref="long.MaxValue"/> for never.</summary>
    internal long Next => _heap.Count > 0 ? _heap[0].QueuedAt : long.MaxValue;

    /// <summary>Lets off what is due.</summary>
    internal void Run(long nowNs)
    {
        while (_heap.Count > 0 && _heap[0].QueuedAt <= nowNs)
        {
            Alarm alarm = _heap[0];
            if (alarm.At > nowNs)
            {
                Requeue(alarm);
                continue;
            }
            Remove(alarm);
            alarm.At = long.MaxValue;
            alarm.Fire();
        }
    }

    internal void Set(Alarm alarm, long at)
    {
        alarm.At = at;
        if (alarm.Index >= 0 && alarm.QueuedAt <= at) return;
        if (alarm.Index < 0)
        {
            if (at == long.MaxValue) return;
            alarm.Index = _heap.Count;
            _heap.Add(alarm);
        }
        alarm.QueuedAt = at;
        SiftUp(alarm);
    }

    internal void Remove(Alarm alarm)
    {
        int index = alarm.Index;
        if (index < 0) return;
        alarm.Index = -1;
        Alarm last = _heap[^1];
        _heap.RemoveAt(_heap.Count - 1);
        if (last == alarm) return;
        Place(last, index);
        SiftUp(last);
        SiftDown(last);
    }

    private void Requeue(Alarm alarm)
    {
        if (alarm.At == long.MaxValue)
        {
            Remove(alarm);
            return;
        }
        alarm.QueuedAt = alarm.At;
        SiftDown(alarm);
    }

    private void SiftUp(Alarm alarm)
    {
        while (alarm.Index > 0)
        {
            Alarm parent = _heap[(alarm.Index - 1) / 2];
            if (parent.QueuedAt <= alarm.QueuedAt) return;
            Swap(alarm, parent);
        }
    }

    private void SiftDown(Alarm alarm)
    {
        while (true)
        {
            int child = (2 * alarm.Index) + 1;
            if (child >= _heap.Count) return;
            if (child + 1 < _heap.Count && _heap[child + 1].QueuedAt < _heap[child].QueuedAt) child++;
            if (_heap[child].QueuedAt >= alarm.QueuedAt) return;
            Swap(alarm, _heap[child]);
        }
    }

    private void Swap(Alarm a, Alarm b)
    {
        int index = a.Index;
        Place(a, b.Index);
        Place(b, index);
    }

    private void Place(Alarm alarm, int index)
    {
        _heap[index] = alarm;
        alarm.Index = index;
    }
}

/// <summary>One deadline of somebody's.</summary>
internal sealed class Alarm(Action fire)
{
    internal readonly Action Fire = fire;
    internal long At = long.MaxValue;
    internal long QueuedAt;
    internal int Index = -1;
}
