using System.Runtime.CompilerServices;
using Doppel.RiscV.Context;
using static Doppel.RiscV.Semantics.Flow;

namespace Doppel.RiscV.Semantics;

/// <summary>What floating-point bodies are made of: the checks before, and the marks that results leave in mstatus.FS.</summary>
internal static unsafe class FloatFlow
{
    /// <summary>True unless mstatus.FS is Off, which makes every floating-point instruction illegal (privileged manual, 3.1.6.6).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsOn(HartContext* c) => (c->State.Mstatus & Mstatus.Fs) != 0;

    /// <summary>
    /// Resolves the rounding mode of an instruction. False if the unit is off or the mode, static or in frm, is
    /// reserved (F extension, "Floating-Point Control and Status Register").
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryRound(HartContext* c, DecodedInstruction* i, out int rm)
    {
        rm = i->Imm & 7;
        if (rm == RoundingMode.Dynamic) rm = (int)c->State.Frm;
        return rm <= RoundingMode.NearestMaxMagnitude && IsOn(c);
    }

    /// <summary>Third source (<see cref="Decode.InstructionFormat.FpR4"/>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Rs3(DecodedInstruction* i) => i->Imm >> 8;

    /// <summary>Writes a floating-point register: FS becomes Dirty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static DecodedInstruction* SetRegister(HartContext* c, DecodedInstruction* i, ulong value)
    {
        c->State.F[i->Rd] = value;
        MarkDirty(c);
        return Next(i);
    }

    /// <summary>Writes an integer register and the flags: FS becomes Dirty if a flag changed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static DecodedInstruction* SetInteger(HartContext* c, DecodedInstruction* i, ulong value, uint flags)
    {
        if (flags != c->State.Fflags)
        {
            c->State.Fflags = flags;
            MarkDirty(c);
        }
        return Write(c, i, value);
    }

    // Written only when it changes: a read-modify-write each time would chain all floating-point instructions through memory.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void MarkDirty(HartContext* c)
    {
        if ((~c->State.Mstatus & Mstatus.Fs) != 0) c->State.Mstatus |= Mstatus.Fs;
    }
}
