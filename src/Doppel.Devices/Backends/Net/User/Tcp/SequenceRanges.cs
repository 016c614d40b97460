namespace Doppel.Devices.Backends.Net.User.Tcp;

/// <summary>
/// Stretches of the sequence space beyond some point, in order, none touching another: what came out of order, or what the guest has
/// acknowledged selectively. Few, so that a hostile guest buys no memory and no time with tiny pieces. Plain data; the owner's thread.
/// </summary>
internal sealed class SequenceRanges
{
    private const int Most = 64;

    private readonly List<(uint Start, uint End)> _ranges = [];

    internal int Count => _ranges.Count;

    internal (uint Start, uint End) this[int index] => _ranges[index];

    /// <summary>The end of the last stretch; only if there is one.</summary>
    internal uint End => _ranges[^1].End;

    /// <summary>How many bytes all stretches hold.</summary>
    internal uint Bytes
    {
        get
        {
            uint sum = 0;
            foreach ((uint start, uint end) in _ranges) sum += end - start;
            return sum;
        }
    }

    /// <summary>True if one more stretch that touches no other could be remembered.</summary>
    internal bool CanAdd => _ranges.Count < Most;

    /// <summary>Adds a stretch and joins it with those it touches.</summary>
    internal void Add(uint start, uint end)
    {
        int at = 0;
        while (at < _ranges.Count && Sequence.Less(_ranges[at].End, start)) at++;
        int last = at;
        while (last < _ranges.Count && Sequence.LessOrEqual(_ranges[last].Start, end))
        {
            start = Sequence.Min(start, _ranges[last].Start);
            end = Sequence.Max(end, _ranges[last].End);
            last++;
        }
        if (last == at && !CanAdd) return;
        _ranges.RemoveRange(at, last - at);
        _ranges.Insert(at, (start, end));
    }

    /// <summary>Forgets what lies before a point.</summary>
    internal void RemoveBefore(uint point)
    {
        int gone = 0;
        while (gone < _ranges.Count && Sequence.LessOrEqual(_ranges[gone].End, point)) gone++;
        _ranges.RemoveRange(0, gone);
        if (_ranges.Count > 0 && Sequence.Less(_ranges[0].Start, point)) _ranges[0] = (point, _ranges[0].End);
    }

    /// <summary>Takes the first stretch off if it begins at or before a point, and tells its end.</summary>
    internal bool TryTakeReached(uint point, out uint end)
    {
        end = point;
        if (_ranges.Count == 0 || Sequence.Less(point, _ranges[0].Start)) return false;
        end = Sequence.Max(point, _ranges[0].End);
        _ranges.RemoveAt(0);
        return true;
    }

    /// <summary>The first gap at or after a point that has a stretch behind it.</summary>
    internal bool TryFindGap(uint point, out uint start, out uint end)
    {
        start = end = point;
        foreach ((uint from, uint to) in _ranges)
        {
            if (Sequence.Less(start, from))
            {
                end = from;
                return true;
            }
            start = Sequence.Max(start, to);
        }
        return false;
    }

    internal void Clear() => _ranges.Clear();
}
