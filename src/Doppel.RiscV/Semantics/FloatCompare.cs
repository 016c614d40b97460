using System.Runtime.CompilerServices;

namespace Doppel.RiscV.Semantics;

/// <summary>Operations that order, select or inspect numbers and never round.</summary>
internal static class FloatCompare<TFormat, TFloat>
    where TFormat : struct, IFloatFormat<TFloat>
    where TFloat : struct, System.Numerics.IBinaryFloatingPointIeee754<TFloat>
{
    /// <summary>FEQ: a quiet comparison, invalid only for signaling NaNs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Equal(ulong a, ulong b, ref uint flags)
    {
        if (IsNaN(a) || IsNaN(b)) return QuietUnordered(a, b, ref flags);
        return TFormat.FromBits(a) == TFormat.FromBits(b) ? 1UL : 0;
    }

    /// <summary>FLT: a signaling comparison, invalid for every NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Less(ulong a, ulong b, ref uint flags)
    {
        if (!IsNaN(a) && !IsNaN(b)) return TFormat.FromBits(a) < TFormat.FromBits(b) ? 1UL : 0;
        flags |= FloatFlags.Invalid;
        return 0;
    }

    /// <summary>FLE: a signaling comparison, invalid for every NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong LessOrEqual(ulong a, ulong b, ref uint flags)
    {
        if (!IsNaN(a) && !IsNaN(b)) return TFormat.FromBits(a) <= TFormat.FromBits(b) ? 1UL : 0;
        flags |= FloatFlags.Invalid;
        return 0;
    }

    /// <summary>FMIN: minimumNumber of IEEE 754-2019: a NaN loses against a number, and −0 is less than +0.</summary>
    internal static ulong Min(ulong a, ulong b, ref uint flags)
    {
        if (IsNaN(a) || IsNaN(b)) return TheNumber(a, b, ref flags);
        return Key(a) < Key(b) ? a : b;
    }

    /// <summary>FMAX: maximumNumber of IEEE 754-2019.</summary>
    internal static ulong Max(ulong a, ulong b, ref uint flags)
    {
        if (IsNaN(a) || IsNaN(b)) return TheNumber(a, b, ref flags);
        return Key(a) < Key(b) ? b : a;
    }

    /// <summary>FCLASS: one of ten bits (F extension, table of the classify instruction).</summary>
    internal static ulong Classify(ulong a)
    {
        ulong magnitude = a & ~TFormat.SignBit;
        if (magnitude > TFormat.Infinity) return SoftFloat<TFormat>.IsSignaling(a) ? 1UL << 8 : 1UL << 9;

        // Positive classes are the mirror image of the negative ones: bits 7 to 4 against 0 to 3.
        int distanceFromInfinity = magnitude switch
        {
            0 => 3,
            _ when magnitude == TFormat.Infinity => 0,
            _ when magnitude >> TFormat.FractionBits == 0 => 2,
            _ => 1,
        };
        return 1UL << ((a & TFormat.SignBit) != 0 ? distanceFromInfinity : 7 - distanceFromInfinity);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsNaN(ulong a) => (a & ~TFormat.SignBit) > TFormat.Infinity;

    // Orders the numbers, −0 before +0: sign and magnitude become two's complement.
    private static long Key(ulong a) => (a & TFormat.SignBit) != 0 ? ~(long)(a & ~TFormat.SignBit) : (long)a;

    private static ulong QuietUnordered(ulong a, ulong b, ref uint flags)
    {
        if (SoftFloat<TFormat>.IsSignaling(a) || SoftFloat<TFormat>.IsSignaling(b)) flags |= FloatFlags.Invalid;
        return 0;
    }

    // Signaling NaNs are invalid even when the other operand is the result.
    private static ulong TheNumber(ulong a, ulong b, ref uint flags)
    {
        QuietUnordered(a, b, ref flags);
        if (!IsNaN(a)) return a;
        return IsNaN(b) ? TFormat.CanonicalNaN : b;
    }
}
