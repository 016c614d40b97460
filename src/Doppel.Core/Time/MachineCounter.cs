namespace Doppel.Core.Time;

/// <summary>
/// A register that counts a machine's time in ticks of its own, modulo 2^64, and that the guest may set, with what is compared with it. Thread
/// contract: all members from any thread; who subscribes to <see cref="Changed"/> does so before the machine runs, and is called on the thread
/// that sets the counter.
/// </summary>
/// <param name="time">What is counted.</param>
/// <param name="frequencyHz">Ticks in a second: 1 to 1,000,000,000.</param>
public sealed class MachineCounter(MachineTime time, ulong frequencyHz)
{
    private const ulong Second = 1_000_000_000;

    private ulong _offset;

    /// <summary>The counter was set, so moments at which it reaches a value are others now.</summary>
    public event Action? Changed;

    /// <summary>What is counted.</summary>
    public MachineTime Time => time;

    /// <summary>Ticks in a second.</summary>
    public ulong FrequencyHz => frequencyHz;

    /// <summary>What was added by setting the counter, in ticks, modulo 2^64.</summary>
    public ulong Offset
    {
        get => Volatile.Read(ref _offset);
        set
        {
            Volatile.Write(ref _offset, value);
            Changed?.Invoke();
        }
    }

    /// <summary>What the counter shows, in ticks.</summary>
    public ulong Value => TicksAt(time.NowNs) + Offset;

    /// <summary>Compares the counter with a value, unsigned.</summary>
    /// <param name="compare">In ticks.</param>
    /// <param name="changeNs">
    /// The moment at which the answer may be another one, in virtual nanoseconds: when the counter gets there or, being above, wraps around to zero.
    /// <see cref="long.MaxValue"/> if the clock does not go so far.
    /// </param>
    /// <returns>True if it is there or above.</returns>
    public bool HasReached(ulong compare, out long changeNs)
    {
        ulong counted = TicksAt(time.NowNs), now = counted + Offset;
        bool reached = now >= compare;
        // Zero stands for 2^64.
        ulong ticks = (reached ? 0 : compare) - now;
        changeNs = ticks == 0 || ticks > ulong.MaxValue - counted ? long.MaxValue : FirstNsOf(counted + ticks);
        return reached;
    }

    // In whole seconds and what is left of one, so that nothing is wider than 64 bits: this is asked often, and from the start of the machine on,
    // and code with wide integers is slow and never compiled ahead of time.
    private ulong TicksAt(long ns)
    {
        (ulong seconds, ulong rest) = Math.DivRem((ulong)ns, Second);
        return (seconds * frequencyHz) + (rest * frequencyHz / Second);
    }

    private long FirstNsOf(ulong ticks)
    {
        (ulong seconds, ulong rest) = Math.DivRem(ticks, frequencyHz);
        ulong ns = ((rest * Second) + frequencyHz - 1) / frequencyHz;
        return seconds < long.MaxValue / Second ? (long)((seconds * Second) + ns) : long.MaxValue;
    }
}
