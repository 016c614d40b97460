using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Doppel.RiscV.Semantics;

/// <summary>
/// Arithmetic on the host's floating-point unit, which managed code can use in round-to-nearest-even only and without seeing its
/// flags. So the result comes from the host, and an error-free transformation gives the residual <c>exact − result</c>: it is zero
/// if and only if the operation was exact, and its sign says which way a directed rounding has to step. Each transformation
/// holds while no intermediate over- or underflows; the guards below ensure that, and send everything else to
/// <see cref="SoftFloat{TFormat}"/>. When the guest has NX set already, which it has nearly always, round-to-nearest needs no
/// residual at all.
/// </summary>
internal static class HardwareFloat<TFormat, TFloat>
    where TFormat : struct, IFloatFormat<TFloat>
    where TFloat : struct, IBinaryFloatingPointIeee754<TFloat>
{
    // A product with this exponent field or a larger one, or a dividend or radicand, has a residual whose last bit is not below the
    // smallest subnormal number: with p bits of precision the residual reaches down 2p − 2 binades and one more for the carry.
    private static int SafeLow => TFormat.FractionBits + 4;

    // Excludes infinities, NaNs and the last binade, where a step upwards or an intermediate of TwoSum could overflow.
    private static int SafeHigh => TFormat.ExponentMask - 2;

    // A result in the lowest normal binade may have been rounded up into it, which makes it tiny.
    private static int SafeResult => 2;

    private static bool HasFusedMultiplyAdd
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Fma.IsSupported || AdvSimd.IsSupported;
    }

    /// <summary>a + b. A sum never underflows inexactly: it is a multiple of the smallest subnormal number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Add(ulong a, ulong b, int rm, ref uint flags)
    {
        TFloat x = TFormat.FromBits(a), y = TFormat.FromBits(b);
        TFloat sum = x + y;
        ulong result = TFormat.ToBits(sum);
        if (Field(result) <= SafeHigh)
        {
            if (rm == RoundingMode.NearestEven)
            {
                if ((flags & FloatFlags.Inexact) == 0 && SumResidual(x, y, sum) != TFloat.Zero) flags |= FloatFlags.Inexact;
                return result;
            }

            // The sign of an exact zero depends on the mode.
            if (rm != RoundingMode.NearestMaxMagnitude && sum != TFloat.Zero)
                return Directed(result, Sign(SumResidual(x, y, sum)), rm, ref flags);
        }

        return SoftFloat<TFormat>.Add(a, b, rm, ref flags);
    }

    /// <summary>a × b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Mul(ulong a, ulong b, int rm, ref uint flags)
    {
        TFloat x = TFormat.FromBits(a), y = TFormat.FromBits(b);
        TFloat product = x * y;
        ulong result = TFormat.ToBits(product);
        if (HasFusedMultiplyAdd && IsWithin(result, SafeLow))
        {
            if (rm == RoundingMode.NearestEven)
            {
                if ((flags & FloatFlags.Inexact) == 0 && ProductResidual(x, y, product) != TFloat.Zero) flags |= FloatFlags.Inexact;
                return result;
            }

            if (rm != RoundingMode.NearestMaxMagnitude)
                return Directed(result, Sign(ProductResidual(x, y, product)), rm, ref flags);
        }

        return SoftFloat<TFormat>.Mul(a, b, rm, ref flags);
    }

    /// <summary>a ÷ b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Div(ulong a, ulong b, int rm, ref uint flags)
    {
        TFloat x = TFormat.FromBits(a), y = TFormat.FromBits(b);
        TFloat quotient = x / y;
        ulong result = TFormat.ToBits(quotient);
        if (HasFusedMultiplyAdd && IsWithin(result, SafeResult) && IsWithin(a, SafeLow) && rm != RoundingMode.NearestMaxMagnitude)
        {
            if (rm == RoundingMode.NearestEven && (flags & FloatFlags.Inexact) != 0) return result;

            // q·y − x is exact, and x ÷ y − q is that divided by −y.
            int excess = Sign(ProductResidual(quotient, y, x));
            return Directed(result, (b & TFormat.SignBit) != 0 ? excess : -excess, rm, ref flags);
        }

        return SoftFloat<TFormat>.Div(a, b, rm, ref flags);
    }

    /// <summary>Square root of a.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Sqrt(ulong a, int rm, ref uint flags)
    {
        ulong lowest = (ulong)SafeLow << TFormat.FractionBits;
        if (HasFusedMultiplyAdd && a - lowest < TFormat.Infinity - lowest && rm != RoundingMode.NearestMaxMagnitude)
        {
            TFloat x = TFormat.FromBits(a);
            TFloat root = TFloat.Sqrt(x);
            ulong result = TFormat.ToBits(root);
            if (rm == RoundingMode.NearestEven && (flags & FloatFlags.Inexact) != 0) return result;
            return Directed(result, -Sign(TFloat.FusedMultiplyAdd(root, root, -x)), rm, ref flags);
        }

        return SoftFloat<TFormat>.Sqrt(a, rm, ref flags);
    }

    /// <summary>a × b + c with one rounding.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong MulAdd(ulong a, ulong b, ulong c, int rm, ref uint flags)
    {
        if (HasFusedMultiplyAdd && rm != RoundingMode.NearestMaxMagnitude)
        {
            TFloat x = TFormat.FromBits(a), y = TFormat.FromBits(b), z = TFormat.FromBits(c);
            TFloat fused = TFloat.FusedMultiplyAdd(x, y, z);
            ulong result = TFormat.ToBits(fused);
            if (IsWithin(result, SafeResult))
            {
                if (rm == RoundingMode.NearestEven && (flags & FloatFlags.Inexact) != 0) return result;
                TFloat product = x * y;
                if (IsWithin(TFormat.ToBits(product), SafeLow))
                    return Directed(result, MulAddResidual(x, y, z, product, fused), rm, ref flags);
            }
        }

        return SoftFloat<TFormat>.MulAdd(a, b, c, rm, ref flags);
    }

    /// <summary>
    /// Moves the round-to-nearest-even result to where another mode puts it, given the sign of the residual, and notes inexactness. The
    /// exact value lies strictly between the result and a neighbour, so the step is at most one unit in the last place. Not for RMM.
    /// </summary>
    internal static ulong Directed(ulong result, int residual, int rm, ref uint flags)
    {
        if (residual == 0) return result;
        flags |= FloatFlags.Inexact;
        bool above = residual > 0;
        bool outwards = above != ((result & TFormat.SignBit) != 0);
        bool step = rm switch
        {
            RoundingMode.TowardsZero => !outwards,
            RoundingMode.Down => !above,
            RoundingMode.Up => above,
            _ => false,
        };
        if (!step) return result;
        return outwards ? result + 1 : result - 1;
    }

    /// <summary>True if the exponent field lies between <paramref name="low"/> and <see cref="SafeHigh"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsWithin(ulong bits, int low) => (uint)(Field(bits) - low) <= (uint)(SafeHigh - low);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Field(ulong bits) => (int)(bits >> TFormat.FractionBits) & TFormat.ExponentMask;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Sign(TFloat value) => (value > TFloat.Zero ? 1 : 0) - (value < TFloat.Zero ? 1 : 0);

    // TwoSum (Knuth, Møller): x + y − sum without error, whatever the order of the operands.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TFloat SumResidual(TFloat x, TFloat y, TFloat sum)
    {
        TFloat yPart = sum - x;
        return (x - (sum - yPart)) + (y - yPart);
    }

    // The rounding error of a product is a number of the same format.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TFloat ProductResidual(TFloat x, TFloat y, TFloat product) => TFloat.FusedMultiplyAdd(x, y, -product);

    // The sign of x·y + z − fused, that is of x·y − (fused − z). Both sides become a rounded value and the exact residual of that
    // rounding. Rounding is monotonic, so unequal rounded values order the exact ones; equal ones leave it to the residuals.
    private static int MulAddResidual(TFloat x, TFloat y, TFloat z, TFloat product, TFloat fused)
    {
        TFloat difference = fused - z;
        if (product != difference) return product > difference ? 1 : -1;
        return Sign(ProductResidual(x, y, product) - SumResidual(fused, -z, difference));
    }
}
