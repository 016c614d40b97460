namespace Doppel.Core.Time;

/// <summary>
/// A register that counts a machine's time in ticks of its own, modulo 2^64, and that the guest may set, with what is compared with it. Thread
/// contract: all members from any thread; who subscribes to <see cref="Changed"/> does so before the machine runs, and is called on the thread
/// that sets the counter.
/// </summary>
/// <param name="time">What is counted.</param>
/// <param name="frequencyHz">Ticks in a second.</param>
public sealed class MachineCounter(MachineTime time, ulong frequencyHz)
{
    private const ulong Second = 1_000_000_000;

    // Wide division is slow, and the guest asks often. Zero where a tick is no whole number of nanoseconds.
    private readonly ulong _tickNs = Second % frequencyHz == 0 ? Second / frequencyHz : 0;
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
        UInt128 target = counted + (ticks == 0 ? UInt128.One << 64 : ticks);
        // The first nanosecond of that tick.
        UInt128 ns = ((target * Second) + frequencyHz - 1) / frequencyHz;
        changeNs = ns < (UInt128)long.MaxValue ? (long)ns : long.MaxValue;
        return reached;
    }

    private ulong TicksAt(long ns) => _tickNs != 0 ? (ulong)ns / _tickNs : (ulong)((UInt128)ns * frequencyHz / Second);
}
