using System.Runtime.CompilerServices;

namespace Doppel.RiscV.Semantics;

/// <summary>
/// The arithmetic of the F and D extensions on raw register bits: pure functions, the same for every engine. <c>rm</c> is a resolved
/// rounding mode (<see cref="RoundingMode"/>, 0 to 4); exceptions are or-ed into <c>flags</c> (<see cref="FloatFlags"/>) and never
/// cleared; NaN results are canonical. Single-precision operands are unboxed first (<see cref="Unbox"/>).
/// </summary>
internal static class FloatingPoint
{
    private const ulong BoxBits = 0xffff_ffff_0000_0000;

    /// <summary>The single-precision operand in a register: what is not NaN-boxed reads as the canonical NaN (D extension, "NaN Boxing").</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Unbox(ulong register) => register >= BoxBits ? (uint)register : (uint)Binary32.CanonicalNaN;

    /// <summary>A single-precision result as a register holds it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Box(uint value) => BoxBits | value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Add64(ulong a, ulong b, int rm, ref uint flags) => HardwareFloat<Binary64, double>.Add(a, b, rm, ref flags);

    // A NaN operand whose sign changes is still the same kind of NaN, and the result is canonical.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Sub64(ulong a, ulong b, int rm, ref uint flags) => Add64(a, b ^ Binary64.SignBit, rm, ref flags);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Mul64(ulong a, ulong b, int rm, ref uint flags) => HardwareFloat<Binary64, double>.Mul(a, b, rm, ref flags);

    internal static ulong Div64(ulong a, ulong b, int rm, ref uint flags) => HardwareFloat<Binary64, double>.Div(a, b, rm, ref flags);

    internal static ulong Sqrt64(ulong a, int rm, ref uint flags) => HardwareFloat<Binary64, double>.Sqrt(a, rm, ref flags);

    /// <summary>FMADD.D: a × b + c.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong MulAdd64(ulong a, ulong b, ulong c, int rm, ref uint flags) =>
        HardwareFloat<Binary64, double>.MulAdd(a, b, c, rm, ref flags);

    /// <summary>FMSUB.D: a × b − c.</summary>
    internal static ulong MulSub64(ulong a, ulong b, ulong c, int rm, ref uint flags) =>
        MulAdd64(a, b, c ^ Binary64.SignBit, rm, ref flags);

    /// <summary>FNMSUB.D: −(a × b) + c.</summary>
    internal static ulong NegMulSub64(ulong a, ulong b, ulong c, int rm, ref uint flags) =>
        MulAdd64(a ^ Binary64.SignBit, b, c, rm, ref flags);

    /// <summary>FNMADD.D: −(a × b) − c.</summary>
    internal static ulong NegMulAdd64(ulong a, ulong b, ulong c, int rm, ref uint flags) =>
        MulAdd64(a ^ Binary64.SignBit, b, c ^ Binary64.SignBit, rm, ref flags);

    internal static ulong Min64(ulong a, ulong b, ref uint flags) => FloatCompare<Binary64, double>.Min(a, b, ref flags);

    internal static ulong Max64(ulong a, ulong b, ref uint flags) => FloatCompare<Binary64, double>.Max(a, b, ref flags);

    internal static ulong Eq64(ulong a, ulong b, ref uint flags) => FloatCompare<Binary64, double>.Equal(a, b, ref flags);

    internal static ulong Lt64(ulong a, ulong b, ref uint flags) => FloatCompare<Binary64, double>.Less(a, b, ref flags);

    internal static ulong Le64(ulong a, ulong b, ref uint flags) => FloatCompare<Binary64, double>.LessOrEqual(a, b, ref flags);

    internal static ulong Classify64(ulong a) => FloatCompare<Binary64, double>.Classify(a);

    internal static ulong SignInject64(ulong a, ulong b) => (a & ~Binary64.SignBit) | (b & Binary64.SignBit);

    internal static ulong SignInjectNegate64(ulong a, ulong b) => SignInject64(a, ~b);

    internal static ulong SignInjectXor64(ulong a, ulong b) => a ^ (b & Binary64.SignBit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Add32(uint a, uint b, int rm, ref uint flags) => (uint)HardwareFloat<Binary32, float>.Add(a, b, rm, ref flags);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Sub32(uint a, uint b, int rm, ref uint flags) => Add32(a, b ^ 0x8000_0000, rm, ref flags);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Mul32(uint a, uint b, int rm, ref uint flags) => (uint)HardwareFloat<Binary32, float>.Mul(a, b, rm, ref flags);

    internal static uint Div32(uint a, uint b, int rm, ref uint flags) => (uint)HardwareFloat<Binary32, float>.Div(a, b, rm, ref flags);

    internal static uint Sqrt32(uint a, int rm, ref uint flags) => (uint)HardwareFloat<Binary32, float>.Sqrt(a, rm, ref flags);

    /// <summary>FMADD.S: a × b + c.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint MulAdd32(uint a, uint b, uint c, int rm, ref uint flags) =>
        (uint)HardwareFloat<Binary32, float>.MulAdd(a, b, c, rm, ref flags);

    /// <summary>FMSUB.S: a × b − c.</summary>
    internal static uint MulSub32(uint a, uint b, uint c, int rm, ref uint flags) => MulAdd32(a, b, c ^ 0x8000_0000, rm, ref flags);

    /// <summary>FNMSUB.S: −(a × b) + c.</summary>
    internal static uint NegMulSub32(uint a, uint b, uint c, int rm, ref uint flags) => MulAdd32(a ^ 0x8000_0000, b, c, rm, ref flags);

    /// <summary>FNMADD.S: −(a × b) − c.</summary>
    internal static uint NegMulAdd32(uint a, uint b, uint c, int rm, ref uint flags) =>
        MulAdd32(a ^ 0x8000_0000, b, c ^ 0x8000_0000, rm, ref flags);

    internal static uint Min32(uint a, uint b, ref uint flags) => (uint)FloatCompare<Binary32, float>.Min(a, b, ref flags);

    internal static uint Max32(uint a, uint b, ref uint flags) => (uint)FloatCompare<Binary32, float>.Max(a, b, ref flags);

    internal static ulong Eq32(uint a, uint b, ref uint flags) => FloatCompare<Binary32, float>.Equal(a, b, ref flags);

    internal static ulong Lt32(uint a, uint b, ref uint flags) => FloatCompare<Binary32, float>.Less(a, b, ref flags);

    internal static ulong Le32(uint a, uint b, ref uint flags) => FloatCompare<Binary32, float>.LessOrEqual(a, b, ref flags);

    internal static ulong Classify32(uint a) => FloatCompare<Binary32, float>.Classify(a);

    internal static uint SignInject32(uint a, uint b) => (a & 0x7fff_ffff) | (b & 0x8000_0000);

    internal static uint SignInjectNegate32(uint a, uint b) => SignInject32(a, ~b);

    internal static uint SignInjectXor32(uint a, uint b) => a ^ (b & 0x8000_0000);

    /// <summary>FCVT.D.S.</summary>
    internal static ulong Float32To64(uint a, ref uint flags) => FloatConversions.Widen(a, ref flags);

    /// <summary>FCVT.S.D.</summary>
    internal static uint Float64To32(ulong a, int rm, ref uint flags) => FloatConversions.Narrow(a, rm, ref flags);

    internal static int Float64ToInt32(ulong a, int rm, ref uint flags) =>
        (int)FloatConversions.ToSigned(Binary64.FromBits(a), int.MinValue, int.MaxValue, rm, ref flags);

    internal static uint Float64ToUInt32(ulong a, int rm, ref uint flags) =>
        (uint)FloatConversions.ToUnsigned(Binary64.FromBits(a), uint.MaxValue, rm, ref flags);

    internal static long Float64ToInt64(ulong a, int rm, ref uint flags) =>
        FloatConversions.ToSigned(Binary64.FromBits(a), long.MinValue, long.MaxValue, rm, ref flags);

    internal static ulong Float64ToUInt64(ulong a, int rm, ref uint flags) =>
        FloatConversions.ToUnsigned(Binary64.FromBits(a), ulong.MaxValue, rm, ref flags);

    // Single precision widens without error, so the conversions from double precision serve for both.
    internal static int Float32ToInt32(uint a, int rm, ref uint flags) =>
        (int)FloatConversions.ToSigned(Binary32.FromBits(a), int.MinValue, int.MaxValue, rm, ref flags);

    internal static uint Float32ToUInt32(uint a, int rm, ref uint flags) =>
        (uint)FloatConversions.ToUnsigned(Binary32.FromBits(a), uint.MaxValue, rm, ref flags);

    internal static long Float32ToInt64(uint a, int rm, ref uint flags) =>
        FloatConversions.ToSigned(Binary32.FromBits(a), long.MinValue, long.MaxValue, rm, ref flags);

    internal static ulong Float32ToUInt64(uint a, int rm, ref uint flags) =>
        FloatConversions.ToUnsigned(Binary32.FromBits(a), ulong.MaxValue, rm, ref flags);

    internal static ulong Int32ToFloat64(int value) => Binary64.ToBits(value);

    internal static ulong UInt32ToFloat64(uint value) => Binary64.ToBits(value);

    internal static ulong Int64ToFloat64(long value, int rm, ref uint flags) =>
        FloatConversions.FromSigned<Binary64, double>(value, rm, ref flags);

    internal static ulong UInt64ToFloat64(ulong value, int rm, ref uint flags) =>
        FloatConversions.FromUnsigned<Binary64, double>(value, rm, ref flags);

    internal static uint Int32ToFloat32(int value, int rm, ref uint flags) =>
        (uint)FloatConversions.FromSigned<Binary32, float>(value, rm, ref flags);

    internal static uint UInt32ToFloat32(uint value, int rm, ref uint flags) =>
        (uint)FloatConversions.FromSigned<Binary32, float>(value, rm, ref flags);

    internal static uint Int64ToFloat32(long value, int rm, ref uint flags) =>
        (uint)FloatConversions.FromSigned<Binary32, float>(value, rm, ref flags);

    internal static uint UInt64ToFloat32(ulong value, int rm, ref uint flags) =>
        (uint)FloatConversions.FromUnsigned<Binary32, float>(value, rm, ref flags);
}
