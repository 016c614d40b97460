using System.Diagnostics;

namespace Doppel.Core.Time;

/// <summary>The host's monotonic clock, for measuring and for pacing; never a source of guest time.</summary>
public static class HostClock
{
    /// <summary>Nanoseconds since some fixed moment.</summary>
    public static long NowNs => (long)((Int128)Stopwatch.GetTimestamp() * 1_000_000_000 / Stopwatch.Frequency);
}
