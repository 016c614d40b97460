using Doppel.Jit.Ir;

namespace Doppel.Jit.Allocation;

/// <summary>
/// Where each slot's value is at one point of a region, as plain data: in a register, in its place in the context, or as an operation that
/// has not been emitted yet.
/// </summary>
internal sealed class SlotState
{
    /// <summary>Slots of a guest, integer and floating point.</summary>
    internal const int Slots = 64;

    /// <summary>Host register of each slot, or -1.</summary>
    internal sbyte[] Registers { get; } = new sbyte[Slots];

    /// <summary>Operations of deferred slots.</summary>
    internal IrInst[] Expressions { get; } = new IrInst[Slots];

    /// <summary>Slots whose place in the context is out of date.</summary>
    internal ulong Dirty;

    /// <summary>Slots in registers of which only the low 32 bits are right: the value is their sign extension.</summary>
    internal ulong Pending;

    /// <summary>Slots known to hold the sign extension of their low 32 bits.</summary>
    internal ulong Narrow;

    /// <summary>Slots whose value is <see cref="Expressions"/>, over slots that have not changed since.</summary>
    internal ulong Deferred;

    internal void CopyFrom(SlotState other)
    {
        other.Registers.CopyTo(Registers, 0);
        (Dirty, Pending, Narrow, Deferred) = (other.Dirty, other.Pending, other.Narrow, other.Deferred);
        for (ulong rest = Deferred; rest != 0; rest &= rest - 1)
        {
            int slot = System.Numerics.BitOperations.TrailingZeroCount(rest);
            Expressions[slot] = other.Expressions[slot];
        }
    }

    internal static ulong Bit(int slot) => slot < 0 ? 0 : 1UL << slot;
}
