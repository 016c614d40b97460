namespace Doppel.Core.Time;

/// <summary>
/// Virtual time that is a function of the number of guest instructions begun, plus the time that was skipped while all vCPUs were idle.
/// The scheduler of the vCPUs drives it: callbacks run between two instructions, on the scheduler's thread.
/// </summary>
public sealed class InstructionCountTime : MachineTime
{
    /// <summary>Virtual nanoseconds that one instruction takes: 10 makes a machine of 100 MIPS.</summary>
    public const long NsPerTick = 10;

    private readonly TimerQueue _queue = new();
    private readonly Func<ulong> _ticks;
    private long _skippedNs;

    /// <summary>Creates the clock at zero.</summary>
    /// <param name="ticks">Instructions begun so far by all vCPUs together; exact when called on the thread that runs them.</param>
    public InstructionCountTime(Func<ulong> ticks) => _ticks = ticks;

    /// <summary>Called, from any thread, when an input came in: the scheduler must leave the guest and look.</summary>
    public Action InputArrived
    {
        get => _queue.Changed;
        set => _queue.Changed = value;
    }

    /// <inheritdoc/>
    public override bool IsDeterministic => true;

    /// <inheritdoc/>
    public override long NowNs => ((long)_ticks() * NsPerTick) + Volatile.Read(ref _skippedNs);

    /// <summary>Instructions that may run before the next event is due; <see cref="long.MaxValue"/> if none is.</summary>
    public long TicksToNextEvent
    {
        get
        {
            long deadline = _queue.NextDeadline;
            if (deadline == long.MaxValue) return long.MaxValue;
            return Math.Max(0, (deadline - NowNs + NsPerTick - 1) / NsPerTick);
        }
    }

    /// <summary>Runs what is due now. Only the scheduler calls this.</summary>
    public void RunDue()
    {
        while (_queue.TakeDue(NowNs) is { } callback) callback();
    }

    /// <summary>Virtual nanoseconds to the next event, zero if one is due; <see cref="long.MaxValue"/> if only an outside input can come.</summary>
    public long NsToNextEvent
    {
        get
        {
            long deadline = _queue.NextDeadline;
            return deadline == long.MaxValue ? long.MaxValue : Math.Max(0, deadline - NowNs);
        }
    }

    /// <summary>True if an input from outside waits to be run.</summary>
    public bool HasInput => _queue.HasInput;

    /// <summary>All vCPUs wait: moves time ahead without running an instruction. Only the scheduler calls this.</summary>
    public void Skip(long ns) => Volatile.Write(ref _skippedNs, _skippedNs + ns);

    /// <inheritdoc/>
    public override MachineTimer CreateTimer(Action callback) => _queue.Create(callback);

    /// <inheritdoc/>
    public override void Post(Action action) => _queue.Post(action);

    /// <summary>Nothing to do: time moves only when instructions run.</summary>
    public override void Resume()
    {
    }

    /// <summary>Nothing to do: time moves only when instructions run.</summary>
    public override void Pause()
    {
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
    }
}
