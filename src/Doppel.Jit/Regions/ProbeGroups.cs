using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;

namespace Doppel.Jit.Regions;

/// <summary>
/// Memory accesses of a line that go off the same base and share one probe. A member is allowed if it lies within the page that was
/// probed, which the first one checks for all.
/// </summary>
internal sealed class ProbeGroups(SlotMap map)
{
    private const int MaxGroups = 4, MaxSpan = 1024, Horizon = 96;

    private readonly Group[] _groups = new Group[MaxGroups];

    internal void Clear() => Array.Clear(_groups);

    /// <summary>The group that an access belongs to, or -1.</summary>
    internal int Find(in IrInst inst)
    {
        for (int i = 0; i < MaxGroups; i++)
        {
            ref Group g = ref _groups[i];
            if (!g.IsActive || g.Slot != inst.A) continue;
            long offset = inst.Imm + g.Bias;
            if (offset >= g.Low && offset + inst.Size <= g.High) return i;
        }
        return -1;
    }

    internal ref Group this[int index] => ref _groups[index];

    /// <summary>Looks ahead: what accesses follow off the same base.</summary>
    /// <returns>Instructions until the next one; 0 if there is none.</returns>
    internal static int Survey(IrUnit block, int at, in IrInst first, ref Group group)
    {
        group = new Group { Slot = first.A, Low = first.Imm, High = first.Imm + first.Size, Origin = first.Imm, Last = at };
        ReadOnlySpan<IrInst> insts = block.Insts;
        long bias = 0;
        int distance = 0;
        for (int i = at + 1; i < Math.Min(insts.Length, at + Horizon); i++)
        {
            ref readonly IrInst inst = ref insts[i];
            // What may be accessed can change with the control word.
            if (inst.Op == IrOp.ControlWrite) break;
            if (inst.Op is IrOp.Load or IrOp.Store or IrOp.LoadFloat or IrOp.StoreFloat && inst.A == first.A)
            {
                long low = Math.Min(group.Low, inst.Imm + bias), high = Math.Max(group.High, inst.Imm + bias + inst.Size);
                if (high - low <= MaxSpan)
                {
                    (group.Low, group.High, group.Last) = (low, high, i);
                    if (distance == 0) distance = i - at;
                }
            }
            if (inst.Dst != first.A || inst.Op == IrOp.Nop) continue;
            if (!IsStep(inst)) break;
            bias += inst.Imm;
        }
        return distance;
    }

    /// <summary>A number of a group that is not in use, or -1.</summary>
    internal int FindFree()
    {
        for (int i = 0; i < MaxGroups; i++)
        {
            if (!_groups[i].IsActive) return i;
        }
        return -1;
    }

    /// <summary>Notes that an operation has been emitted: a base may have moved, or a group come to its end.</summary>
    internal void After(in IrInst inst, int at)
    {
        for (int i = 0; i < MaxGroups; i++)
        {
            ref Group g = ref _groups[i];
            if (!g.IsActive) continue;
            if (inst.Dst == g.Slot)
            {
                if (IsStep(inst)) g.Bias += inst.Imm;
                else End(ref g);
            }
            if (g.IsActive && (at >= g.Last || inst.Op == IrOp.ControlWrite)) End(ref g);
        }
    }

    /// <summary>Takes the registers again after the map was restored.</summary>
    internal void Reassert()
    {
        foreach (ref Group g in _groups.AsSpan())
        {
            if (g.IsActive) map.Reserve(g.Register);
        }
    }

    private void End(ref Group g)
    {
        map.Release(g.Register);
        g.IsActive = false;
    }

    // A base that moves by a constant stays known.
    private static bool IsStep(in IrInst inst) => inst.Op == IrOp.Add && !inst.Word && inst.A == inst.Dst && inst.B < 0 && inst.Imm is > -4096 and < 4096;

    internal struct Group
    {
        internal short Slot;
        internal bool IsActive;

        /// <summary>True until the first member was emitted.</summary>
        internal bool IsFresh;

        /// <summary>True once stores were checked, too.</summary>
        internal bool IsWritable;

        /// <summary>Holds the host address of offset <see cref="Origin"/>.</summary>
        internal int Register;

        /// <summary>Offsets from the base as it was at first, and how far it has moved since.</summary>
        internal long Low, High, Origin, Bias;

        /// <summary>Number of the last member.</summary>
        internal int Last;
    }
}
