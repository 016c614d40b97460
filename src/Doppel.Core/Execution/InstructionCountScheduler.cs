using Doppel.Core.Time;

namespace Doppel.Core.Execution;

/// <summary>
/// All vCPUs on one thread in a fixed order, events at exact instruction counts: a run repeats to the last instruction.
/// </summary>
public sealed class InstructionCountScheduler : VcpuScheduler
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
    private bool _running;

    /// <summary>Creates the thread, paused.</summary>
    public InstructionCountScheduler(IReadOnlyList<IVcpu> vcpus, InstructionCountTime time)
    {
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

    /// <inheritdoc/>
    public override void Resume()
    {
        lock (_gate)
        {
            _pausing = false;
            Monitor.PulseAll(_gate);
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
            while (_pausing && !_stopping)
            {
                _running = false;
                Monitor.PulseAll(_gate);
                Monitor.Wait(_gate);
            }
            _running = !_stopping;
            return _running;
        }
    }

    private void RunRound()
    {
        bool busy = false;
        foreach (IVcpu vcpu in _vcpus)
        {
            if (_pausing || _stopping) return;
            busy |= RunSlice(vcpu);
        }
        if (!busy && !_time.SkipToNextEvent()) _idle.Wait();
        _time.RunDue();
    }

    // A slice ends at a count that depends on the guest alone: an exit that was requested from outside only interrupts it.
    private bool RunSlice(IVcpu vcpu)
    {
        ulong end = vcpu.Ticks + QuantumTicks;
        bool busy = false;
        while (vcpu.Ticks < end && !_pausing && !_stopping)
        {
            _time.RunDue();
            ulong before = vcpu.Ticks;
            VcpuExit exit = vcpu.Run(new RunBudget(Math.Min((long)(end - before), _time.TicksToNextEvent)));
            busy |= vcpu.Ticks != before;
            if (exit is VcpuExit.WaitingForInterrupt or VcpuExit.Stopped) break;
        }
        return busy;
    }
}
