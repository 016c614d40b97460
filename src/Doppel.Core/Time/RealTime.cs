using System.Diagnostics;
using Doppel.Host;

namespace Doppel.Core.Time;

/// <summary>Virtual time that follows the host's monotonic clock while the machine is not paused. Callbacks run on a thread of its own.</summary>
public sealed class RealTime : MachineTime
{
    private readonly TimerQueue _queue = new();
    private readonly HostEvent _wake = new();
    private readonly Lock _gate = new();

    // Held while a callback runs.
    private readonly Lock _callbackGate = new();
    private readonly Thread _thread;
    private long _offsetTicks;
    private long _pausedAtTicks;
    private volatile bool _running;
    private volatile bool _disposed;

    /// <summary>Creates the clock, paused at zero.</summary>
    public RealTime()
    {
        EpochNs = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
        _offsetTicks = _pausedAtTicks = Stopwatch.GetTimestamp();
        _queue.Changed = _wake.Set;
        _thread = new Thread(Loop) { IsBackground = true, Name = "doppel-events" };
        _thread.Start();
    }

    /// <inheritdoc/>
    public override bool IsDeterministic => false;

    /// <inheritdoc/>
    public override long NowNs
    {
        get
        {
            long ticks = _running ? Stopwatch.GetTimestamp() : Volatile.Read(ref _pausedAtTicks);
            // The host's clock ticks in nanoseconds on Linux; the division is there for any other host.
            return (ticks - Volatile.Read(ref _offsetTicks)) * (1_000_000_000 / Stopwatch.Frequency);
        }
    }

    /// <inheritdoc/>
    public override MachineTimer CreateTimer(Action callback) => _queue.Create(callback);

    /// <inheritdoc/>
    public override void Post(Action action) => _queue.Post(action);

    /// <inheritdoc/>
    public override void Resume()
    {
        lock (_gate)
        {
            if (_running) return;
            _offsetTicks += Stopwatch.GetTimestamp() - _pausedAtTicks;
            _running = true;
        }
        _wake.Set();
    }

    /// <inheritdoc/>
    public override void Pause()
    {
        lock (_gate)
        {
            if (!_running) return;
            _pausedAtTicks = Stopwatch.GetTimestamp();
            _running = false;
        }
        lock (_callbackGate)
        {
            // The one that ran has ended.
        }
    }

    /// <summary>Stops the event thread; waiting callbacks are dropped.</summary>
    public override void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _wake.Set();
        if (Thread.CurrentThread != _thread) _thread.Join();
        _wake.Dispose();
    }

    private void Loop()
    {
        while (!_disposed)
        {
            if (!_running)
            {
                _wake.Wait(-1);
                continue;
            }
            if (RunDue()) continue;
            long deadline = _queue.NextDeadline;
            long wait = deadline == long.MaxValue ? -1 : Math.Max(0, deadline - NowNs);
            if (wait != 0) _wake.Wait(wait);
        }
    }

    private bool RunDue()
    {
        lock (_callbackGate)
        {
            if (!_running || _queue.TakeDue(NowNs) is not { } callback) return false;
            callback();
            return true;
        }
    }
}
