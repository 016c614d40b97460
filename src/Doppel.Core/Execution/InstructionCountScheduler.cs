using Doppel.Core.Time;
using Doppel.Host;

namespace Doppel.Core.Execution;

/// <summary>
/// All vCPUs on one thread in a fixed order, events at exact instruction counts: a run repeats to the last instruction.
/// </summary>
public sealed class InstructionCountScheduler : VcpuScheduler, IVcpuLane
{
    // Long enough that switching costs nothing, short enough that a spinning vCPU does not keep a lock's owner waiting for long.
    private const long QuantumTicks = 20_000;

    private readonly IReadOnlyList<IVcpu> _vcpus;
    private readonly InstructionCountTime _time;
    private readonly VcpuSignal _idle = new();
    private readonly object _gate = new();
    private readonly Thread _thread;
    private volatile bool _pausing = true;
    private volatile bool _stopping;
    private volatile bool _held, _sleeping;
    private readonly IReadOnlyList<int> _pinned;
    private HostThread _hostThread;
    private bool _running;
    private int _current;
    private ulong _sliceEnd;
    private bool _busy;

    /// <summary>Creates the thread, paused.</summary>
    /// <param name="vcpus">What runs.</param>
    /// <param name="time">Time that counts their instructions.</param>
    /// <param name="pinned">Host processors that the thread may use; empty for those that this process may use.</param>
    public InstructionCountScheduler(IReadOnlyList<IVcpu> vcpus, InstructionCountTime time, params IReadOnlyList<int> pinned)
    {
        _pinned = pinned;
        _vcpus = vcpus;
        _time = time;
        time.InputArrived = () =>
        {
            foreach (IVcpu vcpu in vcpus) vcpu.RequestExit();
            _idle.Raise();
        };
        _thread = new Thread(Loop, maxStackSize: 1 << 20) { IsBackground = true, Name = "doppel-vcpus" };
        _thread.Start();
    }

    /// <summary>
    /// True to sleep through idle time as long as it lasts, for a guest that a person watches; false (the default) to skip it at once.
    /// What the guest computes does not depend on it.
    /// </summary>
    public bool PaceIdle { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<IVcpuLane> Lanes => [this];

    /// <inheritdoc/>
    public long ProcessorTimeNs => _hostThread.ProcessorTimeNs;

    /// <inheritdoc/>
    public bool IsBusy => !_sleeping && !_pausing;

    /// <inheritdoc/>
    public bool IsHeld
    {
        get => _held;
        set
        {
            lock (_gate)
            {
                if (_held == value) return;
                _held = value;
                Monitor.PulseAll(_gate);
                Interrupt();
            }
        }
    }

    /// <inheritdoc/>
    public override void Resume()
    {
        lock (_gate)
        {
            _pausing = false;
            Monitor.PulseAll(_gate);
        }
        BecameBusy();
    }

    /// <inheritdoc/>
    public override void RequestPause()
    {
        lock (_gate)
        {
            _pausing = true;
            Interrupt();
        }
    }

    /// <inheritdoc/>
    public override void Pause()
    {
        lock (_gate)
        {
            _pausing = true;
            Interrupt();
            while (_running) Monitor.Wait(_gate);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
            Interrupt();
        }
        if (Thread.CurrentThread != _thread) _thread.Join();
        _idle.Dispose();
    }

    private void Interrupt()
    {
        foreach (IVcpu vcpu in _vcpus) vcpu.RequestExit();
        _idle.Raise();
    }

    private void Loop()
    {
        try
        {
            _hostThread = HostThread.Current;
            if (_pinned.Count > 0) HostProcessors.PinCurrentThread(_pinned);
            while (TryEnter()) RunRound();
        }
        catch (Exception e)
        {
            Failure ??= e;
            Failed(e);
        }
        finally
        {
            lock (_gate)
            {
                _running = false;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private bool TryEnter()
    {
        lock (_gate)
        {
            while ((_pausing || _held) && !_stopping)
            {
                _running = false;
                Monitor.PulseAll(_gate);
                Monitor.Wait(_gate);
            }
            _running = !_stopping;
            return _running;
        }
    }

    // A round gives each vCPU one slice. A pause leaves the round where it is, so that the order of slices does not depend on pauses.
    private void RunRound()
    {
        for (; _current < _vcpus.Count; _current++)
        {
            IVcpu vcpu = _vcpus[_current];
            if (_sliceEnd == 0) _sliceEnd = vcpu.Ticks + QuantumTicks;
            if (!RunSlice(vcpu)) return;
            _sliceEnd = 0;
        }
        if (!_busy) Idle();
        _current = 0;
        _busy = false;
        _time.RunDue();
    }

    // False if the slice was cut short by a pause. A slice ends at a count that depends on the guest alone: an exit that was requested from
    // outside only interrupts it.
    private bool RunSlice(IVcpu vcpu)
    {
        while (vcpu.Ticks < _sliceEnd)
        {
            if (_pausing || _stopping || _held) return false;
            _time.RunDue();
            ulong before = vcpu.Ticks;
            VcpuExit exit = vcpu.Run(new RunBudget(Math.Min((long)(_sliceEnd - before), _time.TicksToNextEvent)));
            _busy |= vcpu.Ticks != before;
            if (exit is VcpuExit.WaitingForInterrupt or VcpuExit.Stopped or VcpuExit.Yielded) break;
        }
        return true;
    }

    private void Idle()
    {
        long aheadNs = _time.NsToNextEvent;
        if (aheadNs == long.MaxValue)
        {
            Sleep(-1);
            return;
        }
        if (!PaceIdle)
        {
            _time.Skip(aheadNs);
            return;
        }
        long start = HostClock.NowNs;
        if (aheadNs > 0) Sleep(aheadNs);
        // An input that cut the sleep short comes at the moment it came at; else the deadline is met exactly, however late the host woke up.
        long slept = HostClock.NowNs - start;
        _time.Skip(Math.Min(aheadNs, Math.Max(slept, _time.HasInput ? 0 : aheadNs)));
    }

    private void Sleep(long timeoutNs)
    {
        _sleeping = true;
        _idle.Wait(timeoutNs);
        _sleeping = false;
        BecameBusy();
    }
}
