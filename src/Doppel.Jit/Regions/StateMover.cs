using System.Numerics;
using Doppel.Jit.Allocation;
using Doppel.Jit.X64;

namespace Doppel.Jit.Regions;

/// <summary>
/// Emits what leads from the current places of slots to others: stores, moves between registers, loads. Nothing may be deferred. Keeps
/// rax, and the flags are lost. One thread at a time.
/// </summary>
internal sealed class StateMover(Assembler asm, SlotMap map)
{
    private readonly int[] _sourceOf = new int[16];

    /// <summary>Extends what is pending among some slots, in place.</summary>
    internal void Settle(ulong slots = ulong.MaxValue)
    {
        for (ulong rest = map.Pending & slots; rest != 0; rest &= rest - 1)
        {
            Gpr register = map.IntegerOf(BitOperations.TrailingZeroCount(rest));
            asm.Extend(4, true, register, register);
        }
        map.Pending &= ~slots;
    }

    /// <summary>Brings the context up to date.</summary>
    internal void StoreDirty() => Store(map.Dirty);

    /// <summary>Makes the places those of a state in which nothing is deferred or pending.</summary>
    internal void MoveTo(SlotState target)
    {
        Settle();
        ulong keep = 0;
        for (int slot = 0; slot < SlotState.Slots; slot++)
        {
            if (target.Registers[slot] >= 0) keep |= SlotState.Bit(slot);
        }
        Store(map.Dirty & ~keep);
        Shuffle(target, isFloat: false);
        Shuffle(target, isFloat: true);
        for (ulong rest = keep; rest != 0; rest &= rest - 1)
        {
            int slot = BitOperations.TrailingZeroCount(rest);
            if (map.RegisterOf(slot) < 0) Load(slot, target.Registers[slot]);
        }
        map.Restore(target);
    }

    internal void Load(int slot, int register)
    {
        if (map.IsFloat(slot)) asm.LoadXmm(true, (Xmm)register, map.PlaceOf(slot));
        else asm.Load(8, false, (Gpr)register, map.PlaceOf(slot));
    }

    internal void Store(ulong slots)
    {
        for (ulong rest = slots; rest != 0; rest &= rest - 1)
        {
            int slot = BitOperations.TrailingZeroCount(rest);
            if (map.IsFloat(slot)) asm.StoreXmm(true, map.PlaceOf(slot), map.FloatOf(slot));
            else asm.Store(8, map.PlaceOf(slot), map.IntegerOf(slot));
        }
    }

    // A parallel move: a register is written once nobody reads it any more; what is left over then goes round in circles.
    private void Shuffle(SlotState target, bool isFloat)
    {
        Array.Fill(_sourceOf, -1);
        uint pending = 0;
        for (int slot = 0; slot < SlotState.Slots; slot++)
        {
            int to = target.Registers[slot], from = map.RegisterOf(slot);
            if (map.IsFloat(slot) != isFloat || to < 0 || from < 0 || from == to) continue;
            _sourceOf[to] = from;
            pending |= 1u << to;
        }
        while (pending != 0)
        {
            uint sources = 0;
            for (uint rest = pending; rest != 0; rest &= rest - 1) sources |= 1u << _sourceOf[BitOperations.TrailingZeroCount(rest)];
            uint ready = pending & ~sources;
            if (ready == 0)
            {
                Exchange(ref pending, isFloat);
                continue;
            }
            int to = BitOperations.TrailingZeroCount(ready);
            Move(to, _sourceOf[to], isFloat);
            pending &= ~(1u << to);
        }
    }

    // Every pending register is read by exactly one other. After the exchange, one of them is right.
    private void Exchange(ref uint pending, bool isFloat)
    {
        int to = BitOperations.TrailingZeroCount(pending), from = _sourceOf[to];
        if (isFloat)
        {
            asm.MoveXmm(HomeMap.FloatScratch0, (Xmm)to);
            asm.MoveXmm((Xmm)to, (Xmm)from);
            asm.MoveXmm((Xmm)from, HomeMap.FloatScratch0);
        }
        else
        {
            asm.Xchg((Gpr)to, (Gpr)from);
        }
        pending &= ~(1u << to);
        for (uint rest = pending; rest != 0; rest &= rest - 1)
        {
            int other = BitOperations.TrailingZeroCount(rest);
            if (_sourceOf[other] == to) _sourceOf[other] = from;
            if (_sourceOf[other] == other) pending &= ~(1u << other);
        }
    }

    private void Move(int to, int from, bool isFloat)
    {
        if (isFloat) asm.MoveXmm((Xmm)to, (Xmm)from);
        else asm.Mov(true, (Gpr)to, (Gpr)from);
    }
}
