using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;

namespace Doppel.Jit.Regions;

/// <summary>
/// Chooses where slots are between the blocks of a region: as everywhere, but in a loop the slots that it uses most take the registers of
/// those that it does not use.
/// </summary>
internal static class HomePlanner
{
    // What a slot must gain more than the one whose register it takes, for the moves where the region begins and ends.
    private const int Margin = 2;

    internal static void Plan(IrRegion region, SlotMap map, SlotState homes)
    {
        homes.CopyFrom(map.Common);
        if (!region.IsLoop) return;
        Span<int> weights = stackalloc int[SlotState.Slots];
        foreach (IrUnit block in region.Blocks) Weigh(block, weights);
        weights[0] = 0;
        Exchange(map, homes, weights, 1, map.FirstFloatSlot);
        Exchange(map, homes, weights, map.FirstFloatSlot, SlotState.Slots);
        homes.Dirty = 0;
        for (int slot = 0; slot < SlotState.Slots; slot++)
        {
            if (homes.Registers[slot] >= 0) homes.Dirty |= SlotState.Bit(slot);
        }
    }

    // A slot that is read before it is written needs a load in every round, one that is written a store.
    private static void Weigh(IrUnit block, Span<int> weights)
    {
        ulong written = 0;
        foreach (ref readonly IrInst inst in block.Insts)
        {
            if (inst.Op == IrOp.Nop) continue;
            Read(inst.A, written, weights);
            Read(inst.B, written, weights);
            Read(inst.C, written, weights);
            if (inst.Dst < 0) continue;
            weights[inst.Dst]++;
            written |= SlotState.Bit(inst.Dst);
        }
    }

    private static void Read(short slot, ulong written, Span<int> weights)
    {
        if (slot >= 0) weights[slot] += (written & SlotState.Bit(slot)) == 0 ? 4 : 1;
    }

    private static void Exchange(SlotMap map, SlotState homes, Span<int> weights, int first, int end)
    {
        while (true)
        {
            int best = -1, worst = -1;
            for (int slot = first; slot < end; slot++)
            {
                if (homes.Registers[slot] < 0)
                {
                    if (best < 0 || weights[slot] > weights[best]) best = slot;
                }
                else if (worst < 0 || weights[slot] < weights[worst])
                {
                    worst = slot;
                }
            }
            if (best < 0 || worst < 0 || weights[best] <= weights[worst] + Margin) return;
            homes.Registers[best] = homes.Registers[worst];
            homes.Registers[worst] = -1;
        }
    }
}
