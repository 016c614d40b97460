using System.Diagnostics;

namespace Doppel.Core.Time;

/// <summary>The host's monotonic clock, for measuring and for pacing; never a source of guest time.</summary>
public static class HostClock
{
    private const long Second = 1_000_000_000;

    /// <summary>Nanoseconds since some fixed moment.</summary>
    public static long NowNs
    {
        get
        {
            long now = Stopwatch.GetTimestamp();
            // Nearly every host counts nanoseconds. Code with wide integers is never compiled ahead of time.
            long hz = Stopwatch.Frequency;
            return hz == Second ? now : (now / hz * Second) + (long)((ulong)(now % hz) * Second / (ulong)hz);
        }
    }
}
