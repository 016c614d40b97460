using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Regions;

/// <summary>
/// Decides which slots are in registers: those that are used next. Emits the loads and stores that this takes. One thread at a time.
/// </summary>
internal sealed class SlotAllocator(SlotMap map, StateMover mover)
{
    // Farther than this nobody looks.
    private const int Horizon = 64, Never = 1000;

    // A slot that must be in a register where the block ends gains little from staying in one until then.
    private const int EndPenalty = 24;

    private static readonly int[] s_floats = [.. Enumerable.Range((int)Xmm.X2, 14)];
    private static readonly int[] s_integers = [.. HomeMap.IntegerRegisters.ToArray().Select(static r => (int)r)];

    private IrUnit? _block;
    private int _next;
    private SlotState? _end;

    /// <summary>Slots of the instruction at hand: they keep their registers.</summary>
    internal ulong Pinned { get; set; }

    /// <summary>Starts a block.</summary>
    /// <param name="block">The block, or null where there is no future to look at.</param>
    /// <param name="end">Where slots will be wanted when it ends.</param>
    internal void Begin(IrUnit? block, SlotState? end)
    {
        _block = block;
        _end = end;
        _next = 0;
        Pinned = 0;
    }

    /// <summary>Moves on: the operation of this number is being emitted.</summary>
    internal void MoveTo(int index) => _next = index + 1;

    /// <summary>Loads an operand if it will be read again, or leaves it in memory.</summary>
    internal void Want(int slot)
    {
        if (map.RegisterOf(slot) >= 0 || map.Is(map.Deferred, slot)) return;
        int distance = NextUse(slot);
        if (distance < Never && TryTake(slot, distance, out int register)) LoadInto(slot, register);
    }

    /// <summary>Gives the slot a register, loaded, whatever it costs.</summary>
    internal void Force(int slot)
    {
        if (map.RegisterOf(slot) >= 0) return;
        TryTake(slot, -1, out int register);
        LoadInto(slot, register);
    }

    /// <summary>The register in which an operation shall compute a slot that has none; -1 if its place in the context is good enough.</summary>
    internal int Destine(int slot)
    {
        int distance = NextUse(slot);
        return TryTake(slot, distance, out int register) ? register : -1;
    }

    /// <summary>Takes a register for a host address that is used soon; -1 if none can be spared.</summary>
    internal int TakeForAddress(int distance) => TryFind(s_integers, isFloat: false, distance, -1, out int register) ? register : -1;

    /// <summary>Instructions until the slot is read, a large number if it is not.</summary>
    internal int NextUse(int slot)
    {
        if (_block is not null)
        {
            ReadOnlySpan<IrInst> insts = _block.Insts;
            int end = Math.Min(insts.Length, _next + Horizon);
            for (int i = _next; i < end; i++)
            {
                ref readonly IrInst inst = ref insts[i];
                if (inst.Op == IrOp.Nop) continue;
                if (inst.A == slot || inst.B == slot || inst.C == slot) return i - _next + 1;
                if (inst.Dst == slot) return Never;
            }
            if (end < insts.Length) return Never - 1;
        }
        return _end is not null && _end.Registers[slot] >= 0 ? (_block is null ? 0 : _block.Count - _next) + EndPenalty : Never;
    }

    private void LoadInto(int slot, int register)
    {
        mover.Load(slot, register);
        map.Bind(slot, register);
        map.Dirty &= ~SlotState.Bit(slot);
        map.Pending &= ~SlotState.Bit(slot);
    }

    private bool TryTake(int slot, int distance, out int register)
    {
        bool isFloat = map.IsFloat(slot);
        int preferred = _end is null ? -1 : _end.Registers[slot];
        return TryFind(isFloat ? s_floats : s_integers, isFloat, distance, preferred, out register);
    }

    private bool TryFind(int[] registers, bool isFloat, int distance, int preferred, out int register)
    {
        register = preferred;
        if (preferred >= 0 && map.OwnerOf(preferred, isFloat) == SlotMap.Free) return true;
        int farthest = distance, victim = -1;
        foreach (int candidate in registers)
        {
            short owner = map.OwnerOf(candidate, isFloat);
            register = candidate;
            if (owner == SlotMap.Free) return true;
            if (owner == SlotMap.Reserved || map.Is(Pinned, owner)) continue;
            int use = NextUse(owner);
            if (use <= farthest) continue;
            farthest = use;
            victim = candidate;
        }
        register = victim;
        if (victim < 0) return false;
        Evict(map.OwnerOf(victim, isFloat));
        return true;
    }

    /// <summary>Takes a slot's register away; the context has the value then.</summary>
    internal void Evict(int slot)
    {
        ulong bit = SlotState.Bit(slot);
        if ((map.Dirty & bit) != 0)
        {
            mover.Settle(bit);
            mover.Store(bit);
        }
        map.Unbind(slot);
    }
}
