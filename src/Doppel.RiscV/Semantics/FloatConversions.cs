using System.Runtime.CompilerServices;

namespace Doppel.RiscV.Semantics;

/// <summary>Conversions between the formats and to and from integers (F and D extensions, conversion instructions).</summary>
internal static class FloatConversions
{
    private const double TwoTo62 = 4611686018427387904.0;
    private const double TwoTo64 = 18446744073709551616.0;

    /// <summary>FCVT.D.S: always exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Widen(uint a, ref uint flags)
    {
        if ((a & 0x7fff_ffff) <= Binary32.Infinity) return Binary64.ToBits(Binary32.FromBits(a));
        if (SoftFloat<Binary32>.IsSignaling(a)) flags |= FloatFlags.Invalid;
        return Binary64.CanonicalNaN;
    }

    /// <summary>FCVT.S.D.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Narrow(ulong a, int rm, ref uint flags)
    {
        double value = Binary64.FromBits(a);
        float narrow = (float)value;
        ulong result = Binary32.ToBits(narrow);
        if (HardwareFloat<Binary32, float>.IsWithin(result, 2) && rm != RoundingMode.NearestMaxMagnitude)
        {
            int residual = (value > narrow ? 1 : 0) - (value < narrow ? 1 : 0);
            return (uint)HardwareFloat<Binary32, float>.Directed(result, residual, rm, ref flags);
        }

        return NarrowSoft(a, rm, ref flags);
    }

    /// <summary>FCVT.fmt.W, .L (and .WU, which fits): from a signed integer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong FromSigned<TFormat, TFloat>(long value, int rm, ref uint flags)
        where TFormat : struct, IFloatFormat<TFloat>
        where TFloat : struct, System.Numerics.IBinaryFloatingPointIeee754<TFloat>
    {
        ulong limit = 2UL << TFormat.FractionBits;
        if ((ulong)value + limit <= 2 * limit) return TFormat.ToBits(TFloat.CreateTruncating(value));
        return FromMagnitude<TFormat>(value < 0, value < 0 ? 0UL - (ulong)value : (ulong)value, rm, ref flags);
    }

    /// <summary>FCVT.fmt.LU: from an unsigned integer.</summary>
    internal static ulong FromUnsigned<TFormat, TFloat>(ulong value, int rm, ref uint flags)
        where TFormat : struct, IFloatFormat<TFloat>
        where TFloat : struct, System.Numerics.IBinaryFloatingPointIeee754<TFloat>
        => (long)value >= 0
            ? FromSigned<TFormat, TFloat>((long)value, rm, ref flags)
            : FromMagnitude<TFormat>(false, value, rm, ref flags);

    /// <summary>
    /// FCVT.W and FCVT.L: to a signed integer between <paramref name="min"/> and <paramref name="max"/>. What does not fit, after
    /// rounding, gives the nearest bound and is invalid; NaNs count as plus infinity.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static long ToSigned(double value, long min, long max, int rm, ref uint flags)
    {
        if (Math.Abs(value) < TwoTo62)
        {
            uint inexact = 0;
            long rounded = RoundToInteger(value, rm, ref inexact);
            if (rounded >= min && rounded <= max)
            {
                flags |= inexact;
                return rounded;
            }
        }
        else if (value >= -2 * TwoTo62 && value < 2 * TwoTo62 && min == long.MinValue)
        {
            return (long)value;
        }

        flags |= FloatFlags.Invalid;
        return value < 0 ? min : max;
    }

    /// <summary>FCVT.WU and FCVT.LU: to an unsigned integer up to <paramref name="max"/>. A negative number that rounds to zero fits.</summary>
    internal static ulong ToUnsigned(double value, ulong max, int rm, ref uint flags)
    {
        if (Math.Abs(value) < TwoTo62)
        {
            uint inexact = 0;
            long rounded = RoundToInteger(value, rm, ref inexact);
            if (rounded >= 0 && (ulong)rounded <= max)
            {
                flags |= inexact;
                return (ulong)rounded;
            }
        }
        else if (value > 0 && value < TwoTo64 && max == ulong.MaxValue)
        {
            return (ulong)value;
        }

        flags |= FloatFlags.Invalid;
        return value < 0 ? 0 : max;
    }

    // For magnitudes below 2^62. From 2^53 on every number is an integer, and below it the difference from the truncated value is exact.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long RoundToInteger(double value, int rm, ref uint flags)
    {
        long truncated = double.ConvertToIntegerNative<long>(value);
        double rest = value - truncated;
        if (rest == 0) return truncated;
        flags |= FloatFlags.Inexact;
        return truncated + Step(truncated, rest, rm);
    }

    private static int Step(long truncated, double rest, int rm)
    {
        int outwards = rest < 0 ? -1 : 1;
        double distance = Math.Abs(rest);
        bool step = rm switch
        {
            RoundingMode.NearestEven => distance > 0.5 || (distance == 0.5 && (truncated & 1) != 0),
            RoundingMode.Down => rest < 0,
            RoundingMode.Up => rest > 0,
            RoundingMode.NearestMaxMagnitude => distance >= 0.5,
            _ => false,
        };
        return step ? outwards : 0;
    }

    private static ulong FromMagnitude<TFormat>(bool negative, ulong magnitude, int rm, ref uint flags)
        where TFormat : struct, IFloatFormat
    {
        int shift = (int)ulong.LeadingZeroCount(magnitude);
        return FloatRounding.Round<TFormat>(negative, 63 - shift, magnitude << shift, rm, ref flags);
    }

    private static uint NarrowSoft(ulong a, int rm, ref uint flags)
    {
        ulong magnitude = a & ~Binary64.SignBit;
        uint sign = (uint)(a >> 63) << 31;
        if (magnitude > Binary64.Infinity)
        {
            if (SoftFloat<Binary64>.IsSignaling(a)) flags |= FloatFlags.Invalid;
            return (uint)Binary32.CanonicalNaN;
        }

        if (magnitude == Binary64.Infinity) return sign | (uint)Binary32.Infinity;
        if (magnitude == 0) return sign;
        int exponent = SoftFloat<Binary64>.Unpack(magnitude, out ulong significand);
        return (uint)FloatRounding.Round<Binary32>(sign != 0, exponent, significand, rm, ref flags);
    }
}
