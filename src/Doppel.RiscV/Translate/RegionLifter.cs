using Doppel.Jit.Ir;

namespace Doppel.RiscV.Translate;

/// <summary>
/// Lifts the region that begins at an offset of a page: if the code from there comes back, all lines that take part in that loop; if it does
/// not, the one line. One thread at a time.
/// </summary>
internal sealed class RegionLifter(bool shared, JitOptions options)
{
    private const int MaxBlocks = 16, MaxInstructions = 400, PageSize = 4096;

    private readonly Lifter _lifter = new(shared, options);
    private readonly TracePlan _plan = new() { ExpectsReturns = options.Has(JitFeatures.ReturnPrediction) };
    private readonly IrRegion _region = new();

    /// <summary>Lifts a region. The result is valid until the next call.</summary>
    /// <param name="page">The page's bytes.</param>
    /// <param name="offset">Entry.</param>
    /// <param name="mode">Mode that the region runs in.</param>
    /// <param name="next">First half-word and name of the page behind it; zero names no page.</param>
    /// <param name="limit">Most guest instructions.</param>
    internal IrRegion Lift(ReadOnlySpan<byte> page, int offset, int mode, (ushort Half, ulong Page) next, int limit = MaxInstructions)
    {
        _region.Clear();
        _plan.Clear();
        int left = limit;
        AddBlock(page, (offset, mode), next, ref left);
        for (int i = 0; i < _region.Count; i++)
        {
            for (int k = 0; k < _region.Blocks[i].Count; k++)
            {
                ref IrInst inst = ref _region.Blocks[i].Insts[k];
                int target = inst.Op == IrOp.Branch ? inst.Link : inst.Op == IrOp.Jump ? (int)inst.Imm : -1;
                if (target is < 0 or >= PageSize || _plan.IsLeader(target) || _region.Count == MaxBlocks || left <= 0) continue;
                AddBlock(page, (target, mode), next, ref left);
            }
        }
        if (options.Has(JitFeatures.Loops)) Prune();
        else _region.Truncate(1);
        return _region;
    }

    private void AddBlock(ReadOnlySpan<byte> page, (int Offset, int Mode) at, (ushort Half, ulong Page) next, ref int left)
    {
        _plan.AddLeader(at.Offset);
        _plan.MaxInstructions = Math.Min(left, Lifter.MaxInstructions);
        IrUnit unit = _region.Add();
        _lifter.LiftBlock(page, unit, at, next, _plan);
        left -= unit.GuestCount;
    }

    // Only blocks from which the entry can be reached again stay; without any, the entry alone.
    private void Prune()
    {
        ulong reaching = 0, before;
        do
        {
            before = reaching;
            for (int i = 0; i < _region.Count; i++)
            {
                if (LeadsTo(_region.Blocks[i], reaching | 1)) reaching |= 1UL << i;
            }
        }
        while (reaching != before);
        _region.IsLoop = (reaching & 1) != 0;
        int kept = 1;
        for (int i = 1; i < _region.Count; i++)
        {
            if (_region.IsLoop && (reaching & (1UL << i)) != 0) _region.Swap(kept++, i);
        }
        _region.Truncate(kept);
    }

    // True if a block has a way to a block of a set.
    private bool LeadsTo(IrUnit unit, ulong set)
    {
        foreach (ref readonly IrInst inst in unit.Insts)
        {
            int target = inst.Op == IrOp.Branch ? inst.Link : inst.Op == IrOp.Jump ? (int)inst.Imm : -1;
            int block = target < 0 ? -1 : _region.Find(target);
            if (block >= 0 && (set & (1UL << block)) != 0) return true;
        }
        return false;
    }
}
