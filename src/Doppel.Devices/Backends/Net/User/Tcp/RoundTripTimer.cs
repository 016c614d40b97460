namespace Doppel.Devices.Backends.Net.User.Tcp;

/// <summary>How long an acknowledgment may take (RFC 6298). Times in nanoseconds. Plain data; the owner's thread.</summary>
internal struct RoundTripTimer
{
    private const long InitialNs = 1_000_000_000;
    private const long LeastNs = 200_000_000;
    private const long MostNs = 60_000_000_000;
    private const long GranularityNs = 1_000_000;

    private long _smoothedNs;
    private long _variationNs;
    private int _backoff;

    /// <summary>When the oldest unacknowledged segment is to be sent again, counted from when it was sent.</summary>
    internal readonly long TimeoutNs
    {
        get
        {
            long timeout = _smoothedNs == 0 ? InitialNs : Math.Max(LeastNs, _smoothedNs + Math.Max(GranularityNs, 4 * _variationNs));
            return Math.Min(MostNs, timeout << Math.Min(_backoff, 16));
        }
    }

    /// <summary>Takes a measurement, which must not be of a segment that was sent twice (Karn's algorithm).</summary>
    internal void Measure(long sampleNs)
    {
        sampleNs = Math.Max(1, sampleNs);
        if (_smoothedNs == 0)
        {
            _smoothedNs = sampleNs;
            _variationNs = sampleNs / 2;
            return;
        }
        _variationNs = ((3 * _variationNs) + Math.Abs(_smoothedNs - sampleNs)) / 4;
        _smoothedNs = ((7 * _smoothedNs) + sampleNs) / 8;
    }

    internal void BackOff() => _backoff++;

    internal void Forward() => _backoff = 0;
}
