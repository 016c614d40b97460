using Doppel.Jit.Ir;

namespace Doppel.Jit.Passes;

/// <summary>
/// Removes operations whose result is overwritten before anything reads it. State is exact wherever an operation may leave the unit, so
/// everything is alive there.
/// </summary>
internal static class DeadWrites
{
    internal static void Remove(IrUnit unit)
    {
        // Slots that will be overwritten before they are read, seen from behind.
        ulong dead = 0;
        Span<IrInst> insts = unit.Insts;
        for (int i = insts.Length - 1; i >= 0; i--)
        {
            ref IrInst inst = ref insts[i];
            if (MayLeave(inst.Op))
            {
                dead = 0;
                continue;
            }
            ulong written = Bit(inst.Dst);
            if ((written & dead) != 0)
            {
                inst.Op = IrOp.Nop;
                continue;
            }
            dead |= written;
            dead &= ~(Bit(inst.A) | Bit(inst.B) | Bit(inst.C));
        }
    }

    // Pure arithmetic comes before Load in the list of operations; everything behind may fault, branch, or raise flags.
    private static bool MayLeave(IrOp op) => op >= IrOp.Load;

    private static ulong Bit(short slot) => slot < 0 ? 0 : 1UL << slot;
}
