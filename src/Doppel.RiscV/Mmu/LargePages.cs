namespace Doppel.RiscV.Mmu;

/// <summary>
/// Where superpages were used since the TLBs were last emptied: a few ranges, merged where they lie close together. An address outside of them needs
/// only its own page flushed.
/// </summary>
internal sealed class LargePages
{
    // A kernel maps itself, memory and page descriptors with superpages in places that lie far apart, and single pages between them.
    private const int MaxRanges = 8;
    private const ulong Close = 1UL << 30;

    private readonly (ulong First, ulong Last)[] _ranges = new (ulong, ulong)[MaxRanges];
    private int _count, _latest;

    internal void Clear() => _count = 0;

    /// <summary>Notes the superpage of two to the <paramref name="bits"/> bytes that holds an address.</summary>
    internal void Note(ulong va, int bits)
    {
        ulong within = (1UL << bits) - 1;
        ulong first = va & ~within, last = va | within;
        if (_count > 0 && first >= _ranges[_latest].First && last <= _ranges[_latest].Last) return;
        int nearest = 0;
        ulong distance = ulong.MaxValue;
        for (int i = 0; i < _count; i++)
        {
            ulong gap = GapTo(_ranges[i], first, last);
            if (gap >= distance) continue;
            (nearest, distance) = (i, gap);
        }
        _latest = nearest;
        if (distance > Close && _count < MaxRanges) _ranges[_latest = _count++] = (first, last);
        else _ranges[nearest] = (Math.Min(_ranges[nearest].First, first), Math.Max(_ranges[nearest].Last, last));
    }

    internal bool MayHold(ulong va)
    {
        for (int i = 0; i < _count; i++)
        {
            if (va >= _ranges[i].First && va <= _ranges[i].Last) return true;
        }
        return false;
    }

    private static ulong GapTo((ulong First, ulong Last) range, ulong first, ulong last)
    {
        if (first > range.Last) return first - range.Last;
        return last < range.First ? range.First - last : 0;
    }
}
