namespace Doppel.Devices.Backends.Net.User.Tcp;

/// <summary>
/// How much may be under way to the guest (RFC 5681). The link itself loses nothing, but a user may have asked for loss. Plain data; the
/// owner's thread.
/// </summary>
internal struct CongestionWindow
{
    private const int Most = 4 << 20;

    private int _segment;
    private int _threshold;
    private int _acknowledged;

    /// <summary>The window in bytes.</summary>
    internal int Bytes { get; private set; }

    internal void Start(int segment)
    {
        _segment = segment;
        _threshold = Most;
        // RFC 6928, 2.
        Bytes = 10 * segment;
    }

    /// <summary>New data was acknowledged while the window was in use.</summary>
    internal void Grow(int bytes)
    {
        if (Bytes < _threshold)
        {
            // Large segments are acknowledged in one piece, so the count is of bytes (RFC 3465).
            Bytes = Math.Min(Most, Bytes + Math.Min(bytes, Bytes));
            return;
        }
        _acknowledged += bytes;
        if (_acknowledged < Bytes) return;
        _acknowledged -= Bytes;
        Bytes = Math.Min(Most, Bytes + _segment);
    }

    /// <summary>A loss was noticed by what came after it.</summary>
    internal void Reduce(int inFlight)
    {
        _threshold = Math.Max(inFlight / 2, 2 * _segment);
        Bytes = _threshold;
        _acknowledged = 0;
    }

    /// <summary>A loss was noticed by silence.</summary>
    internal void Collapse(int inFlight)
    {
        _threshold = Math.Max(inFlight / 2, 2 * _segment);
        Bytes = _segment;
        _acknowledged = 0;
    }
}
