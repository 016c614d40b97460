using System.Numerics;
using System.Runtime.CompilerServices;
using Doppel.Core.Memory;
using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;
using static Doppel.RiscV.Semantics.FloatFlow;
using static Doppel.RiscV.Semantics.Flow;

namespace Doppel.RiscV.Semantics;

/// <summary>
/// F and D: loads, stores, moves between the register files, and conversions between the precisions. Loads, stores and moves transfer
/// bits: a store or a move to an integer register does not look at the NaN box (D extension, "NaN Boxing").
/// </summary>
internal static unsafe class FloatMoveSemantics
{
    /// <summary>FLW with <see cref="uint"/>, FLD with <see cref="ulong"/>.</summary>
    internal static DecodedInstruction* Load<T>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (!IsOn(c)) return Illegal(c, i);
        ulong va = Rs1(c, i) + (ulong)(long)i->Imm;
        SoftTlbEntry* entry = c->EntryOf(va);
        if ((va & (SoftTlb.PageMask | (ulong)(sizeof(T) - 1))) != entry->ReadTag) return LoadSlow<T>(c, i, va);
        return SetRegister(c, i, ToRegister(*(T*)((nint)va + entry->Addend)));
    }

    /// <summary>FSW with <see cref="uint"/>, FSD with <see cref="ulong"/>.</summary>
    internal static DecodedInstruction* Store<T>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (!IsOn(c)) return Illegal(c, i);
        ulong va = Rs1(c, i) + (ulong)(long)i->Imm;
        ulong value = c->State.F[i->Rs2];
        SoftTlbEntry* entry = c->EntryOf(va);
        if ((va & (SoftTlb.PageMask | (ulong)(sizeof(T) - 1))) != entry->WriteTag)
            return MemorySemantics.StoreSlow(c, i, va, sizeof(T), value);
        *(T*)((nint)va + entry->Addend) = T.CreateTruncating(value);
        return Next(i);
    }

    /// <summary>FMV.X.W.</summary>
    internal static DecodedInstruction* MoveToWord(HartContext* c, DecodedInstruction* i) =>
        IsOn(c) ? WriteWord(c, i, (uint)c->State.F[i->Rs1]) : Illegal(c, i);

    /// <summary>FMV.X.D.</summary>
    internal static DecodedInstruction* MoveToDoubleword(HartContext* c, DecodedInstruction* i) =>
        IsOn(c) ? Write(c, i, c->State.F[i->Rs1]) : Illegal(c, i);

    /// <summary>FMV.W.X.</summary>
    internal static DecodedInstruction* MoveFromWord(HartContext* c, DecodedInstruction* i) =>
        IsOn(c) ? SetRegister(c, i, FloatingPoint.Box((uint)Rs1(c, i))) : Illegal(c, i);

    /// <summary>FMV.D.X.</summary>
    internal static DecodedInstruction* MoveFromDoubleword(HartContext* c, DecodedInstruction* i) =>
        IsOn(c) ? SetRegister(c, i, Rs1(c, i)) : Illegal(c, i);

    /// <summary>FCVT.S.D.</summary>
    internal static DecodedInstruction* Narrow(HartContext* c, DecodedInstruction* i) =>
        TryRound(c, i, out int rm)
            ? SetRegister(c, i, FloatingPoint.Box(FloatConversions.Narrow(c->State.F[i->Rs1], rm, ref c->State.Fflags)))
            : Illegal(c, i);

    /// <summary>FCVT.D.S: never rounds, yet a reserved rounding mode is illegal here too.</summary>
    internal static DecodedInstruction* Widen(HartContext* c, DecodedInstruction* i) =>
        TryRound(c, i, out _)
            ? SetRegister(c, i, FloatConversions.Widen(FloatingPoint.Unbox(c->State.F[i->Rs1]), ref c->State.Fflags))
            : Illegal(c, i);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static DecodedInstruction* LoadSlow<T>(HartContext* c, DecodedInstruction* i, ulong va)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (!Hart.Of(c).Mmu.TryLoad(va, sizeof(T), out ulong value)) return RaiseFault(c, i);
        SetRegister(c, i, ToRegister(T.CreateTruncating(value)));
        return NextOrLeave(c, i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong ToRegister<T>(T bits)
        where T : unmanaged, IBinaryInteger<T> =>
        sizeof(T) == sizeof(uint) ? FloatingPoint.Box(uint.CreateTruncating(bits)) : ulong.CreateTruncating(bits);
}
