using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Allocation;

/// <summary>
/// Which host register each slot lives in. All generated code of a cache shares one map where it goes from unit to unit, so that this
/// moves nothing; inside an optimised region a <see cref="SlotMap"/> differs from it.
/// </summary>
internal class HomeMap
{
    /// <summary>Register that holds the context's address in generated code.</summary>
    internal const Gpr Context = Gpr.Rbp;

    /// <summary>Register that counts the instructions which may still begin.</summary>
    internal const Gpr Budget = Gpr.R15;

    /// <summary>Registers that no slot lives in; any operation may use them.</summary>
    internal const Gpr Scratch0 = Gpr.Rax, Scratch1 = Gpr.Rcx, Scratch2 = Gpr.Rdx;

    internal const Xmm FloatScratch0 = Xmm.X0, FloatScratch1 = Xmm.X1;

    private protected const sbyte Absent = -1;
    private readonly sbyte[] _register;
    private readonly int[] _offsets;

    internal HomeMap(ContextLayout layout)
    {
        FirstFloatSlot = layout.FirstFloatSlot;
        _offsets = layout.SlotOffsets;
        _register = new sbyte[layout.SlotOffsets.Length];
        Array.Fill(_register, Absent);
        int nextInteger = 0, nextFloat = (int)Xmm.X2;
        foreach (short slot in layout.PreferredSlots)
        {
            if (slot < FirstFloatSlot && nextInteger < IntegerRegisters.Length) _register[slot] = (sbyte)IntegerRegisters[nextInteger++];
            else if (slot >= FirstFloatSlot && nextFloat <= (int)Xmm.X15) _register[slot] = (sbyte)nextFloat++;
        }
        int homed = 0;
        short[] slots = new short[layout.PreferredSlots.Length];
        foreach (short slot in layout.PreferredSlots)
        {
            if (_register[slot] != Absent) slots[homed++] = slot;
        }
        HomedSlots = slots[..homed];
    }

    /// <summary>
    /// Registers that slots may live in. Those without a REX prefix of their own come first, for the hottest slots: shorter code.
    /// </summary>
    internal static ReadOnlySpan<Gpr> IntegerRegisters =>
        [Gpr.Rbx, Gpr.Rsi, Gpr.Rdi, Gpr.R8, Gpr.R9, Gpr.R10, Gpr.R11, Gpr.R12, Gpr.R13, Gpr.R14];

    internal int FirstFloatSlot { get; }

    private protected sbyte[] Registers => _register;

    /// <summary>The slots that have a register.</summary>
    internal short[] HomedSlots { get; }

    internal bool IsFloat(int slot) => slot >= FirstFloatSlot;

    internal bool HasRegister(int slot) => _register[slot] != Absent;

    internal Gpr IntegerOf(int slot) => (Gpr)_register[slot];

    internal Xmm FloatOf(int slot) => (Xmm)_register[slot];

    /// <summary>
    /// True if the sign extension of a 32-bit result, just computed in a register, may wait until somebody needs the upper half.
    /// </summary>
    internal virtual bool TryDeferExtension(int slot, Gpr value) => false;

    /// <summary>The slot's place in the context: its home if it has no register, else where it is spilled to.</summary>
    internal Mem PlaceOf(int slot) => new(Context, _offsets[slot]);
}
