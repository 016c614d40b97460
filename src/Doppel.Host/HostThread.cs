namespace Doppel.Host;

/// <summary>A thread of this process, as the kernel knows it. Thread contract: immutable; any thread.</summary>
public readonly record struct HostThread
{
    private readonly int _id;

    private HostThread(int id) => _id = id;

    /// <summary>The calling thread.</summary>
    public static HostThread Current => new(Interop.GetThreadId());

    /// <summary>Processor time that the thread has used, in nanoseconds; zero if it has ended, or is none.</summary>
    public long ProcessorTimeNs
    {
        get
        {
            if (_id == 0) return 0;
            // The clock of a thread has the complement of its number above three bits that say: this thread, time it was scheduled
            // (the kernel's include/linux/posix-timers.h).
            int clock = (~_id << 3) | 6;
            Interop.TimeSpec time;
            // SAFETY: the pointer is to a local of the size that the call fills.
            unsafe { return Interop.ClockGetTime(clock, &time) == 0 ? (time.Seconds * 1_000_000_000) + time.Nanoseconds : 0; }
        }
    }
}
