using Doppel.Core.Time;

namespace Doppel.UnitTests.Devices;

/// <summary>Time that moves when the test says so; callbacks run on the test's thread.</summary>
internal sealed class ManualTime(bool deterministic = false) : MachineTime
{
    private readonly TimerQueue _queue = new();
    private long _nowNs;

    public override bool IsDeterministic => deterministic;

    public override long NowNs => _nowNs;

    public override MachineTimer CreateTimer(Action callback) => _queue.Create(callback);

    public override void Post(Action action) => _queue.Post(action);

    /// <summary>Moves time forward, stopping at each deadline on the way.</summary>
    public void Advance(long ns)
    {
        long end = _nowNs + ns;
        RunDue();
        while (_queue.NextDeadline <= end)
        {
            _nowNs = Math.Max(_nowNs, _queue.NextDeadline);
            RunDue();
        }
        _nowNs = end;
    }

    public void RunDue()
    {
        while (_queue.TakeDue(_nowNs) is { } callback) callback();
    }

    public override void Resume()
    {
    }

    public override void Pause()
    {
    }

    public override void Dispose()
    {
    }
}
