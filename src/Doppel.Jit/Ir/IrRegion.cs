namespace Doppel.Jit.Ir;

/// <summary>
/// Straight lines of code of one page that jump to each other: a loop with what is inside, or one long line. Block 0 is the entry. The
/// blocks are used again for the next region. One thread at a time.
/// </summary>
internal sealed class IrRegion
{
    private readonly List<IrUnit> _units = [];

    /// <summary>Blocks in the order in which they are laid out.</summary>
    internal ReadOnlySpan<IrUnit> Blocks => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_units)[..Count];

    internal int Count { get; private set; }

    /// <summary>Guest instructions in all blocks.</summary>
    internal int GuestCount
    {
        get
        {
            int count = 0;
            foreach (IrUnit unit in Blocks) count += unit.GuestCount;
            return count;
        }
    }

    /// <summary>True if the region's blocks form a circle through its entry.</summary>
    internal bool IsLoop { get; set; }

    internal void Clear()
    {
        Count = 0;
        IsLoop = false;
    }

    /// <summary>Makes room for one more block.</summary>
    internal IrUnit Add()
    {
        if (Count == _units.Count) _units.Add(new IrUnit());
        return _units[Count++];
    }

    /// <summary>Takes back the blocks behind a number.</summary>
    internal void Truncate(int count) => Count = count;

    /// <summary>Exchanges two blocks.</summary>
    internal void Swap(int a, int b) => (_units[a], _units[b]) = (_units[b], _units[a]);

    /// <summary>Number of the block that begins at an offset of the page, or -1.</summary>
    internal int Find(int offset)
    {
        for (int i = 0; i < Count; i++)
        {
            if (_units[i].EntryOffset == offset) return i;
        }
        return -1;
    }
}
