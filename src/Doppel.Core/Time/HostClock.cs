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
            // Nearly every host counts nanoseconds, and wide division is slow.
            return Stopwatch.Frequency == Second ? now : (long)((Int128)now * Second / Stopwatch.Frequency);
        }
    }
}
