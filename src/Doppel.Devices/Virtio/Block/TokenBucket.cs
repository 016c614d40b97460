namespace Doppel.Devices.Virtio.Block;

/// <summary>
/// A budget that refills with time up to a limit. It may be overdrawn by one use, however large, and must then be positive again before the next.
/// Thread contract: one thread at a time.
/// </summary>
/// <param name="perSecond">How much comes in with each second; above zero.</param>
/// <param name="capacity">Most that can be saved up.</param>
internal sealed class TokenBucket(double perSecond, double capacity)
{
    private const double Second = 1e9;
    private double _used;
    private long _seenNs;

    /// <summary>When the next use is allowed, in nanoseconds; not after now if it is.</summary>
    internal long DueNs(long nowNs)
    {
        if (nowNs > _seenNs) _used = Math.Max(0, _used - ((nowNs - _seenNs) * perSecond / Second));
        _seenNs = Math.Max(_seenNs, nowNs);
        // Rounded up, and one on top, so that something is left then whatever the rounding.
        return _used < capacity ? nowNs : nowNs + 1 + (long)Math.Ceiling((_used - capacity) * Second / perSecond);
    }

    /// <summary>Uses some of it.</summary>
    internal void Take(double amount) => _used += amount;
}
