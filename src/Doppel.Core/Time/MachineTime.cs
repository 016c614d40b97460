namespace Doppel.Core.Time;

/// <summary>
/// The one source of time of a machine, and the one door through which the outside reaches it: timers and outside inputs (a key, a
/// packet, a finished disk request) become events that run one after the other in a fixed order.
/// Thread contract: all members from any thread. Callbacks run on the machine's event thread (real time) or between instructions on
/// the thread that runs the vCPUs (instruction count); they must be short and must not block on the guest.
/// </summary>
public abstract class MachineTime : IDisposable
{
    /// <summary>Virtual nanoseconds since the machine was switched on; stands still while it is paused.</summary>
    public abstract long NowNs { get; }

    /// <summary>True if a run is a pure function of image, configuration and stamped inputs: devices then complete work inline.</summary>
    public abstract bool IsDeterministic { get; }

    /// <summary>Wall-clock time at <see cref="NowNs"/> zero, in nanoseconds since 1970 UTC.</summary>
    public long EpochNs { get; init; }

    /// <summary>What the guest's real-time clock shows: nanoseconds since 1970 UTC.</summary>
    public long WallClockNs => EpochNs + NowNs;

    /// <summary>Creates a one-shot timer that is not armed.</summary>
    public abstract MachineTimer CreateTimer(Action callback);

    /// <summary>Hands in something from outside the machine; it runs once, after everything posted before it.</summary>
    public abstract void Post(Action action);

    /// <summary>Lets time run.</summary>
    public abstract void Resume();

    /// <summary>
    /// Stops time; returns when no callback runs, and none starts until <see cref="Resume"/>. Not called by callbacks, nor while holding a lock
    /// that they take.
    /// </summary>
    public abstract void Pause();

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>A one-shot timer in virtual time.</summary>
public abstract class MachineTimer
{
    /// <summary>Sets the deadline, replacing an earlier one. A deadline that has passed fires at once (but not inside this call).</summary>
    /// <param name="deadlineNs">Virtual nanoseconds, as in <see cref="MachineTime.NowNs"/>.</param>
    public abstract void Arm(long deadlineNs);

    /// <summary>Takes the deadline back. The callback may be running already.</summary>
    public abstract void Disarm();
}
