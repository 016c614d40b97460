namespace Doppel.RiscV.Semantics;

/// <summary>
/// Arithmetic on integer significands, exact up to one final rounding: the path for operands and results near the ends of the
/// exponent range, for special values and for the rounding mode that no host has (RMM).
/// </summary>
internal static class SoftFloat<TFormat>
    where TFormat : struct, IFloatFormat
{
    /// <summary>a + b.</summary>
    internal static ulong Add(ulong a, ulong b, int rm, ref uint flags) => MulAdd(a, One, b, rm, ref flags);

    /// <summary>a × b: a sum with the zero of the product's own sign, which changes no value, no flag and no sign of zero.</summary>
    internal static ulong Mul(ulong a, ulong b, int rm, ref uint flags) => MulAdd(a, b, (a ^ b) & TFormat.SignBit, rm, ref flags);

    /// <summary>a × b + c with one rounding.</summary>
    internal static ulong MulAdd(ulong a, ulong b, ulong c, int rm, ref uint flags)
    {
        ulong magnitudeA = Magnitude(a), magnitudeB = Magnitude(b), magnitudeC = Magnitude(c);
        if (magnitudeA >= TFormat.Infinity || magnitudeB >= TFormat.Infinity || magnitudeC >= TFormat.Infinity)
            return MulAddSpecial(a, b, c, ref flags);

        bool negative = IsNegative(a ^ b);
        if (magnitudeA == 0 || magnitudeB == 0)
            return magnitudeC != 0 ? c : ZeroSum(negative, IsNegative(c), rm);

        // The product of two 64-bit significands has its first bit at 126 or 127: it is brought to 126, which loses nothing because
        // the low bits are zero, and leaves bit 127 for the carry of the sum.
        int exponent = Unpack(magnitudeA, out ulong significandA) + Unpack(magnitudeB, out ulong significandB) + 1;
        UInt128 product = Math.BigMul(significandA, significandB);
        if ((Int128)product < Int128.Zero) product >>= 1;
        else exponent--;
        if (magnitudeC == 0) return FloatRounding.RoundWide<TFormat>(negative, exponent + 1, product, rm, ref flags);

        int exponentC = Unpack(magnitudeC, out ulong significandC);
        return Sum(new Term(negative, exponent, product), new Term(IsNegative(c), exponentC, (UInt128)significandC << 63), rm, ref flags);
    }

    /// <summary>a ÷ b.</summary>
    internal static ulong Div(ulong a, ulong b, int rm, ref uint flags)
    {
        ulong magnitudeA = Magnitude(a), magnitudeB = Magnitude(b);
        bool negative = IsNegative(a ^ b);
        ulong sign = negative ? TFormat.SignBit : 0;
        if (magnitudeA > TFormat.Infinity || magnitudeB > TFormat.Infinity) return PropagateNaN(a, b, 0, ref flags);
        if (magnitudeA == magnitudeB && (magnitudeA == 0 || magnitudeA == TFormat.Infinity)) return Invalid(ref flags);
        if (magnitudeA == TFormat.Infinity) return sign | TFormat.Infinity;
        if (magnitudeA == 0 || magnitudeB == TFormat.Infinity) return sign;
        if (magnitudeB == 0)
        {
            flags |= FloatFlags.DivideByZero;
            return sign | TFormat.Infinity;
        }

        int exponent = Unpack(magnitudeA, out ulong dividend) - Unpack(magnitudeB, out ulong divisor);
        bool below = dividend < divisor;
        (UInt128 quotient, UInt128 remainder) = UInt128.DivRem((UInt128)dividend << (below ? 64 : 63), divisor);
        ulong significand = (ulong)quotient | (remainder != UInt128.Zero ? 1UL : 0);
        return FloatRounding.Round<TFormat>(negative, below ? exponent - 1 : exponent, significand, rm, ref flags);
    }

    /// <summary>Square root of a.</summary>
    internal static ulong Sqrt(ulong a, int rm, ref uint flags)
    {
        ulong magnitude = Magnitude(a);
        if (magnitude > TFormat.Infinity) return PropagateNaN(a, a, 0, ref flags);
        if (magnitude == 0) return a;
        if (IsNegative(a)) return Invalid(ref flags);
        if (magnitude == TFormat.Infinity) return a;

        int exponent = Unpack(magnitude, out ulong significand);
        UInt128 remainder = (UInt128)significand << (63 + (exponent & 1));
        ulong root = 0;
        for (int bit = 63; bit >= 0; bit--)
        {
            // Digit by digit: the root grows by d while (root + d)² stays within the radicand, that is 2·root·d + d² in the remainder.
            UInt128 step = (((UInt128)root << 1) | (1UL << bit)) << bit;
            if (remainder < step) continue;
            remainder -= step;
            root |= 1UL << bit;
        }

        if (remainder != UInt128.Zero) root |= 1;
        return FloatRounding.Round<TFormat>(false, exponent >> 1, root, rm, ref flags);
    }

    /// <summary>The exponent of a finite number that is not zero, and its significand with the first bit moved to bit 63.</summary>
    internal static int Unpack(ulong magnitude, out ulong significand)
    {
        int field = (int)(magnitude >> TFormat.FractionBits);
        ulong fraction = magnitude & ((1UL << TFormat.FractionBits) - 1);
        if (field != 0)
        {
            significand = ((1UL << TFormat.FractionBits) | fraction) << (63 - TFormat.FractionBits);
            return field - 1 + TFormat.MinExponent;
        }

        int shift = (int)ulong.LeadingZeroCount(fraction);
        significand = fraction << shift;
        return TFormat.MinExponent + 63 - TFormat.FractionBits - shift;
    }

    /// <summary>True for a signaling NaN: the first bit of the fraction is clear.</summary>
    internal static bool IsSignaling(ulong a) =>
        Magnitude(a) > TFormat.Infinity && (a & (1UL << (TFormat.FractionBits - 1))) == 0;

    private static ulong One => (ulong)(TFormat.ExponentMask >> 1) << TFormat.FractionBits;

    private static ulong Magnitude(ulong a) => a & ~TFormat.SignBit;

    private static bool IsNegative(ulong a) => (a & TFormat.SignBit) != 0;

    // ±Significand × 2^(Exponent − 126), bit 126 set, bit 127 clear.
    private readonly record struct Term(bool Negative, int Exponent, UInt128 Significand);

    private static ulong Sum(in Term x, in Term y, int rm, ref uint flags)
    {
        bool xIsLarger = x.Exponent != y.Exponent ? x.Exponent > y.Exponent : x.Significand >= y.Significand;
        Term large = xIsLarger ? x : y, small = xIsLarger ? y : x;

        // A sticky bit cannot reach the rounding position: terms carry at most 106 bits, so one falls out only at a distance of at
        // least 22, and a difference of terms more than one binade apart loses at most one leading bit.
        UInt128 aligned = FloatRounding.ShiftRightSticky(small.Significand, large.Exponent - small.Exponent);
        UInt128 sum = large.Negative == small.Negative ? large.Significand + aligned : large.Significand - aligned;
        return sum == UInt128.Zero
            ? ZeroSum(large.Negative, small.Negative, rm)
            : FloatRounding.RoundWide<TFormat>(large.Negative, large.Exponent + 1, sum, rm, ref flags);
    }

    // IEEE 754-2019, section 6.3: an exact zero sum of unlike signs is +0, and -0 when rounding down.
    private static ulong ZeroSum(bool negativeX, bool negativeY, int rm)
    {
        bool negative = negativeX == negativeY ? negativeX : rm == RoundingMode.Down;
        return negative ? TFormat.SignBit : 0;
    }

    // At least one operand is infinite or NaN.
    private static ulong MulAddSpecial(ulong a, ulong b, ulong c, ref uint flags)
    {
        ulong magnitudeA = Magnitude(a), magnitudeB = Magnitude(b), magnitudeC = Magnitude(c);
        bool infiniteByZero = (magnitudeA == TFormat.Infinity && magnitudeB == 0) || (magnitudeA == 0 && magnitudeB == TFormat.Infinity);

        // Infinity times zero is invalid even when the addend is a quiet NaN (F extension, fused multiply-add instructions).
        if (infiniteByZero) return Invalid(ref flags);
        if (magnitudeA > TFormat.Infinity || magnitudeB > TFormat.Infinity || magnitudeC > TFormat.Infinity)
            return PropagateNaN(a, b, c, ref flags);

        bool infiniteProduct = magnitudeA == TFormat.Infinity || magnitudeB == TFormat.Infinity;
        if (!infiniteProduct) return c;
        if (magnitudeC == TFormat.Infinity && IsNegative(a ^ b ^ c)) return Invalid(ref flags);
        return ((a ^ b) & TFormat.SignBit) | TFormat.Infinity;
    }

    private static ulong PropagateNaN(ulong a, ulong b, ulong c, ref uint flags)
    {
        if (IsSignaling(a) || IsSignaling(b) || IsSignaling(c)) flags |= FloatFlags.Invalid;
        return TFormat.CanonicalNaN;
    }

    private static ulong Invalid(ref uint flags)
    {
        flags |= FloatFlags.Invalid;
        return TFormat.CanonicalNaN;
    }
}
