using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Allocation;

/// <summary>
/// The map of an optimised region: it changes from instruction to instruction, so that registers hold what is used next. A slot without a
/// register is in its place in the context unless it is deferred. One thread at a time.
/// </summary>
internal sealed class SlotMap : HomeMap
{
    /// <summary>Owner of a register that holds no slot: free, or taken for a host address.</summary>
    internal const short Free = -1, Reserved = -2;

    private readonly short[] _integerOwner = new short[16];
    private readonly short[] _floatOwner = new short[16];
    private readonly SlotState _state = new();
    private readonly SlotState _common = new();
    private readonly bool _lazy;

    internal SlotMap(ContextLayout layout)
        : base(layout)
    {
        _lazy = layout.Has(CompilerFeatures.LazyExtension);
        Registers.CopyTo(_common.Registers, 0);
        foreach (short slot in HomedSlots) _common.Dirty |= SlotState.Bit(slot);
    }

    /// <summary>The state between units: what <see cref="HomeMap"/> says, with all homed slots only in their registers.</summary>
    internal SlotState Common => _common;

    internal ulong Dirty { get => _state.Dirty; set => _state.Dirty = value; }

    internal ulong Pending { get => _state.Pending; set => _state.Pending = value; }

    internal ulong Narrow { get => _state.Narrow; set => _state.Narrow = value; }

    internal ulong Deferred { get => _state.Deferred; set => _state.Deferred = value; }

    internal ref IrInst ExpressionOf(int slot) => ref _state.Expressions[slot];

    /// <summary>The slot in a register, <see cref="Free"/> or <see cref="Reserved"/>.</summary>
    internal short OwnerOf(int register, bool isFloat) => isFloat ? _floatOwner[register] : _integerOwner[register];

    internal bool Is(ulong set, int slot) => slot >= 0 && (set & SlotState.Bit(slot)) != 0;

    /// <summary>Register of a slot, or -1.</summary>
    internal int RegisterOf(int slot) => Registers[slot];

    /// <summary>Lets a slot live in a register from now on; the register must be free.</summary>
    internal void Bind(int slot, int register)
    {
        Unbind(slot);
        Registers[slot] = (sbyte)register;
        (IsFloat(slot) ? _floatOwner : _integerOwner)[register] = (short)slot;
    }

    /// <summary>Forgets the slot's register; the context or an expression has the value.</summary>
    internal void Unbind(int slot)
    {
        int register = Registers[slot];
        if (register < 0) return;
        (IsFloat(slot) ? _floatOwner : _integerOwner)[register] = Free;
        Registers[slot] = Absent;
        ulong bit = SlotState.Bit(slot);
        _state.Dirty &= ~bit;
        _state.Pending &= ~bit;
    }

    /// <summary>Takes an integer register for something that is no slot.</summary>
    internal void Reserve(int register) => _integerOwner[register] = Reserved;

    internal void Release(int register) => _integerOwner[register] = Free;

    internal override bool TryDeferExtension(int slot, Gpr value)
    {
        if (!_lazy || slot < 0 || Registers[slot] != (int)value) return false;
        _state.Pending |= SlotState.Bit(slot);
        return true;
    }

    internal void Save(SlotState to)
    {
        Registers.CopyTo(_state.Registers, 0);
        to.CopyFrom(_state);
    }

    /// <summary>Makes a state the current one; nothing is reserved then.</summary>
    internal void Restore(SlotState from)
    {
        if (from != _state) _state.CopyFrom(from);
        from.Registers.CopyTo(Registers, 0);
        Array.Fill(_integerOwner, Free);
        Array.Fill(_floatOwner, Free);
        for (short slot = 0; slot < Registers.Length; slot++)
        {
            if (Registers[slot] >= 0) (IsFloat(slot) ? _floatOwner : _integerOwner)[Registers[slot]] = slot;
        }
    }
}
