using System.Numerics;
using System.Runtime.CompilerServices;
using Doppel.RiscV.Context;
using static Doppel.RiscV.Semantics.FloatFlow;
using static Doppel.RiscV.Semantics.Flow;

namespace Doppel.RiscV.Semantics;

/// <summary>F (binary32) and D (binary64): the bodies of the instructions that exist in both precisions.</summary>
internal static unsafe class FloatSemantics<TFormat, TFloat>
    where TFormat : struct, IFloatFormat<TFloat>
    where TFloat : unmanaged, IBinaryFloatingPointIeee754<TFloat>
{
    internal static DecodedInstruction* Add(HartContext* c, DecodedInstruction* i) =>
        TryRound(c, i, out int rm) ? Set(c, i, HardwareFloat<TFormat, TFloat>.Add(A(c, i), B(c, i), rm, ref c->State.Fflags)) : Illegal(c, i);

    // A NaN operand whose sign changes is still the same kind of NaN, and the result is canonical.
    internal static DecodedInstruction* Sub(HartContext* c, DecodedInstruction* i) =>
        TryRound(c, i, out int rm)
            ? Set(c, i, HardwareFloat<TFormat, TFloat>.Add(A(c, i), B(c, i) ^ TFormat.SignBit, rm, ref c->State.Fflags))
            : Illegal(c, i);

    internal static DecodedInstruction* Mul(HartContext* c, DecodedInstruction* i) =>
        TryRound(c, i, out int rm) ? Set(c, i, HardwareFloat<TFormat, TFloat>.Mul(A(c, i), B(c, i), rm, ref c->State.Fflags)) : Illegal(c, i);

    internal static DecodedInstruction* Div(HartContext* c, DecodedInstruction* i) =>
        TryRound(c, i, out int rm) ? Set(c, i, HardwareFloat<TFormat, TFloat>.Div(A(c, i), B(c, i), rm, ref c->State.Fflags)) : Illegal(c, i);

    internal static DecodedInstruction* Sqrt(HartContext* c, DecodedInstruction* i) =>
        TryRound(c, i, out int rm) ? Set(c, i, HardwareFloat<TFormat, TFloat>.Sqrt(A(c, i), rm, ref c->State.Fflags)) : Illegal(c, i);

    internal static DecodedInstruction* MulAdd(HartContext* c, DecodedInstruction* i) => MulAdd(c, i, 0, 0);

    internal static DecodedInstruction* MulSub(HartContext* c, DecodedInstruction* i) => MulAdd(c, i, 0, TFormat.SignBit);

    internal static DecodedInstruction* NegMulSub(HartContext* c, DecodedInstruction* i) => MulAdd(c, i, TFormat.SignBit, 0);

    internal static DecodedInstruction* NegMulAdd(HartContext* c, DecodedInstruction* i) => MulAdd(c, i, TFormat.SignBit, TFormat.SignBit);

    internal static DecodedInstruction* Min(HartContext* c, DecodedInstruction* i) =>
        IsOn(c) ? Set(c, i, FloatCompare<TFormat, TFloat>.Min(A(c, i), B(c, i), ref c->State.Fflags)) : Illegal(c, i);

    internal static DecodedInstruction* Max(HartContext* c, DecodedInstruction* i) =>
        IsOn(c) ? Set(c, i, FloatCompare<TFormat, TFloat>.Max(A(c, i), B(c, i), ref c->State.Fflags)) : Illegal(c, i);

    internal static DecodedInstruction* SignInject(HartContext* c, DecodedInstruction* i) =>
        IsOn(c) ? Set(c, i, (A(c, i) & ~TFormat.SignBit) | (B(c, i) & TFormat.SignBit)) : Illegal(c, i);

    internal static DecodedInstruction* SignInjectNegate(HartContext* c, DecodedInstruction* i) =>
        IsOn(c) ? Set(c, i, (A(c, i) & ~TFormat.SignBit) | (~B(c, i) & TFormat.SignBit)) : Illegal(c, i);

    internal static DecodedInstruction* SignInjectXor(HartContext* c, DecodedInstruction* i) =>
        IsOn(c) ? Set(c, i, A(c, i) ^ (B(c, i) & TFormat.SignBit)) : Illegal(c, i);

    internal static DecodedInstruction* Equal(HartContext* c, DecodedInstruction* i)
    {
        if (!IsOn(c)) return Illegal(c, i);
        uint flags = c->State.Fflags;
        return SetInteger(c, i, FloatCompare<TFormat, TFloat>.Equal(A(c, i), B(c, i), ref flags), flags);
    }

    internal static DecodedInstruction* Less(HartContext* c, DecodedInstruction* i)
    {
        if (!IsOn(c)) return Illegal(c, i);
        uint flags = c->State.Fflags;
        return SetInteger(c, i, FloatCompare<TFormat, TFloat>.Less(A(c, i), B(c, i), ref flags), flags);
    }

    internal static DecodedInstruction* LessOrEqual(HartContext* c, DecodedInstruction* i)
    {
        if (!IsOn(c)) return Illegal(c, i);
        uint flags = c->State.Fflags;
        return SetInteger(c, i, FloatCompare<TFormat, TFloat>.LessOrEqual(A(c, i), B(c, i), ref flags), flags);
    }

    internal static DecodedInstruction* Classify(HartContext* c, DecodedInstruction* i) =>
        IsOn(c) ? Write(c, i, FloatCompare<TFormat, TFloat>.Classify(A(c, i))) : Illegal(c, i);

    /// <summary>FCVT.W.fmt.</summary>
    internal static DecodedInstruction* ToInt32(HartContext* c, DecodedInstruction* i) => ToSigned(c, i, int.MinValue, int.MaxValue);

    /// <summary>FCVT.L.fmt.</summary>
    internal static DecodedInstruction* ToInt64(HartContext* c, DecodedInstruction* i) => ToSigned(c, i, long.MinValue, long.MaxValue);

    /// <summary>FCVT.WU.fmt: the 32-bit result is sign-extended, as all are.</summary>
    internal static DecodedInstruction* ToUInt32(HartContext* c, DecodedInstruction* i)
    {
        if (!TryRound(c, i, out int rm)) return Illegal(c, i);
        uint flags = c->State.Fflags;
        ulong value = FloatConversions.ToUnsigned(Wide(c, i), uint.MaxValue, rm, ref flags);
        return SetInteger(c, i, (ulong)(int)value, flags);
    }

    /// <summary>FCVT.LU.fmt.</summary>
    internal static DecodedInstruction* ToUInt64(HartContext* c, DecodedInstruction* i)
    {
        if (!TryRound(c, i, out int rm)) return Illegal(c, i);
        uint flags = c->State.Fflags;
        return SetInteger(c, i, FloatConversions.ToUnsigned(Wide(c, i), ulong.MaxValue, rm, ref flags), flags);
    }

    /// <summary>FCVT.fmt.W.</summary>
    internal static DecodedInstruction* FromInt32(HartContext* c, DecodedInstruction* i) => FromSigned(c, i, (int)Rs1(c, i));

    /// <summary>FCVT.fmt.WU.</summary>
    internal static DecodedInstruction* FromUInt32(HartContext* c, DecodedInstruction* i) => FromSigned(c, i, (uint)Rs1(c, i));

    /// <summary>FCVT.fmt.L.</summary>
    internal static DecodedInstruction* FromInt64(HartContext* c, DecodedInstruction* i) => FromSigned(c, i, (long)Rs1(c, i));

    /// <summary>FCVT.fmt.LU.</summary>
    internal static DecodedInstruction* FromUInt64(HartContext* c, DecodedInstruction* i) =>
        TryRound(c, i, out int rm)
            ? Set(c, i, FloatConversions.FromUnsigned<TFormat, TFloat>(Rs1(c, i), rm, ref c->State.Fflags))
            : Illegal(c, i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static DecodedInstruction* MulAdd(HartContext* c, DecodedInstruction* i, ulong flipProduct, ulong flipAddend)
    {
        if (!TryRound(c, i, out int rm)) return Illegal(c, i);
        ulong addend = TFormat.FromRegister(c->State.F[Rs3(i)]) ^ flipAddend;
        return Set(c, i, HardwareFloat<TFormat, TFloat>.MulAdd(A(c, i) ^ flipProduct, B(c, i), addend, rm, ref c->State.Fflags));
    }

    private static DecodedInstruction* ToSigned(HartContext* c, DecodedInstruction* i, long min, long max)
    {
        if (!TryRound(c, i, out int rm)) return Illegal(c, i);
        uint flags = c->State.Fflags;
        return SetInteger(c, i, (ulong)FloatConversions.ToSigned(Wide(c, i), min, max, rm, ref flags), flags);
    }

    private static DecodedInstruction* FromSigned(HartContext* c, DecodedInstruction* i, long value) =>
        TryRound(c, i, out int rm) ? Set(c, i, FloatConversions.FromSigned<TFormat, TFloat>(value, rm, ref c->State.Fflags)) : Illegal(c, i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong A(HartContext* c, DecodedInstruction* i) => TFormat.FromRegister(c->State.F[i->Rs1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong B(HartContext* c, DecodedInstruction* i) => TFormat.FromRegister(c->State.F[i->Rs2]);

    // Single precision widens without error, so conversions to integers need no second form.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double Wide(HartContext* c, DecodedInstruction* i) => double.CreateTruncating(TFormat.FromBits(A(c, i)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static DecodedInstruction* Set(HartContext* c, DecodedInstruction* i, ulong bits) => SetRegister(c, i, TFormat.ToRegister(bits));
}
