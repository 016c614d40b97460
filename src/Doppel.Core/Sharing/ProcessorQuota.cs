namespace Doppel.Core.Sharing;

/// <summary>
/// How much processor time may be used in the long run: a bucket of nanoseconds that fills at a constant rate. What was used beyond its contents
/// is owed, so the average is exact however late somebody looks. Thread contract: one thread at a time.
/// </summary>
/// <param name="rate">Processors' worth of time: 0.5 is half of one processor.</param>
/// <param name="burstNs">Time on the clock for which the bucket can hold contents.</param>
public sealed class ProcessorQuota(double rate, long burstNs)
{
    private double _contents = rate * burstNs;
    private long? _filledNs;

    /// <summary>True while something is owed.</summary>
    public bool IsSpent => _contents < 0;

    /// <summary>Notes what was used up to now.</summary>
    /// <param name="nowNs">Time on the clock, in nanoseconds; it never goes back.</param>
    /// <param name="usedNs">Processor time used since the last call.</param>
    public void Use(long nowNs, long usedNs)
    {
        long elapsed = nowNs - (_filledNs ?? nowNs);
        _filledNs = nowNs;
        _contents = Math.Min(_contents + (elapsed * rate), rate * burstNs) - usedNs;
    }
}
