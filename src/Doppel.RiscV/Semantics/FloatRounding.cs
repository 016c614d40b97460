using System.Runtime.CompilerServices;

namespace Doppel.RiscV.Semantics;

/// <summary>Rounding modes as encoded in the rm field and in frm (F extension, table of rounding modes).</summary>
internal static class RoundingMode
{
    /// <summary>To nearest, ties to even (RNE).</summary>
    internal const int NearestEven = 0;

    /// <summary>Towards zero (RTZ).</summary>
    internal const int TowardsZero = 1;

    /// <summary>Down, towards minus infinity (RDN).</summary>
    internal const int Down = 2;

    /// <summary>Up, towards plus infinity (RUP).</summary>
    internal const int Up = 3;

    /// <summary>To nearest, ties to the larger magnitude (RMM).</summary>
    internal const int NearestMaxMagnitude = 4;

    /// <summary>In an instruction's rm field: the mode is in frm (DYN).</summary>
    internal const int Dynamic = 7;
}

/// <summary>Accrued exception flags as laid out in fflags.</summary>
internal static class FloatFlags
{
    /// <summary>Inexact.</summary>
    internal const uint Inexact = 1;

    /// <summary>Underflow.</summary>
    internal const uint Underflow = 2;

    /// <summary>Overflow.</summary>
    internal const uint Overflow = 4;

    /// <summary>Division by zero.</summary>
    internal const uint DivideByZero = 8;

    /// <summary>Invalid operation.</summary>
    internal const uint Invalid = 16;
}

/// <summary>The one place where an exact value becomes a number of a format: shared by all operations done in software.</summary>
internal static class FloatRounding
{
    /// <summary>
    /// Rounds ±<paramref name="significand"/> × 2^(<paramref name="exponent"/> − 63). Bit 63 of the significand is set; bit 0 also
    /// stands for everything below it that is not zero ("sticky"), which no rounding decision can tell from the exact value because
    /// at least eleven bits are dropped.
    /// </summary>
    internal static ulong Round<TFormat>(bool negative, int exponent, ulong significand, int rm, ref uint flags)
        where TFormat : struct, IFloatFormat
    {
        int dropped = 63 - TFormat.FractionBits;
        bool tiny = false;
        if (exponent < TFormat.MinExponent)
        {
            // Tininess is detected after rounding (F extension, section on fcsr): a value that would round up to the smallest normal
            // number if the exponent had no bound is not tiny.
            tiny = exponent < TFormat.MinExponent - 1
                || (significand >> dropped) + Increment(negative, significand, dropped, rm) < 2UL << TFormat.FractionBits;
            significand = ShiftRightSticky(significand, TFormat.MinExponent - exponent);
            exponent = TFormat.MinExponent;
        }

        // The hidden bit, present in normal numbers only, raises the exponent field by one, and so does a carry out of the fraction.
        ulong magnitude = ((ulong)(exponent - TFormat.MinExponent) << TFormat.FractionBits)
            + (significand >> dropped) + Increment(negative, significand, dropped, rm);
        if (magnitude >= TFormat.Infinity) return Overflow<TFormat>(negative, rm, ref flags);

        if ((significand & ((1UL << dropped) - 1)) != 0) flags |= tiny ? FloatFlags.Inexact | FloatFlags.Underflow : FloatFlags.Inexact;
        return negative ? magnitude | TFormat.SignBit : magnitude;
    }

    /// <summary>As <see cref="Round"/>, for ±<paramref name="significand"/> × 2^(<paramref name="exponent"/> − 127), not zero, not normalised.</summary>
    internal static ulong RoundWide<TFormat>(bool negative, int exponent, UInt128 significand, int rm, ref uint flags)
        where TFormat : struct, IFloatFormat
    {
        int shift = (int)UInt128.LeadingZeroCount(significand);
        significand <<= shift;
        ulong sticky = (ulong)significand != 0 ? 1UL : 0;
        return Round<TFormat>(negative, exponent - shift, (ulong)(significand >> 64) | sticky, rm, ref flags);
    }

    /// <summary>Shifts right by any non-negative count; a one that falls out stays visible in bit 0.</summary>
    internal static ulong ShiftRightSticky(ulong value, int count)
    {
        if (count > 63) return value != 0 ? 1UL : 0;
        ulong shifted = value >> count;
        return shifted << count == value ? shifted : shifted | 1;
    }

    /// <summary>Shifts right by any non-negative count; a one that falls out stays visible in bit 0.</summary>
    internal static UInt128 ShiftRightSticky(UInt128 value, int count)
    {
        if (count > 127) return value != UInt128.Zero ? UInt128.One : UInt128.Zero;
        UInt128 shifted = value >> count;
        return shifted << count == value ? shifted : shifted | UInt128.One;
    }

    /// <summary>One if the kept part must grow in magnitude when the low <paramref name="dropped"/> bits go, else zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Increment(bool negative, ulong significand, int dropped, int rm)
    {
        ulong rest = significand & ((1UL << dropped) - 1);
        ulong half = 1UL << (dropped - 1);
        bool up = rm switch
        {
            RoundingMode.NearestEven => rest > half || (rest == half && ((significand >> dropped) & 1) != 0),
            RoundingMode.Down => negative && rest != 0,
            RoundingMode.Up => !negative && rest != 0,
            RoundingMode.NearestMaxMagnitude => rest >= half,
            _ => false,
        };
        return up ? 1UL : 0;
    }

    // IEEE 754-2019, section 7.4: what overflows becomes infinity or the largest finite number, as the rounding direction says.
    private static ulong Overflow<TFormat>(bool negative, int rm, ref uint flags)
        where TFormat : struct, IFloatFormat
    {
        flags |= FloatFlags.Overflow | FloatFlags.Inexact;
        bool toInfinity = rm switch
        {
            RoundingMode.TowardsZero => false,
            RoundingMode.Down => negative,
            RoundingMode.Up => !negative,
            _ => true,
        };
        ulong magnitude = toInfinity ? TFormat.Infinity : TFormat.Infinity - 1;
        return negative ? magnitude | TFormat.SignBit : magnitude;
    }
}
