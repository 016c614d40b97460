using Doppel.RiscV.Semantics;
using Fp = Doppel.RiscV.Semantics.FloatingPoint;

namespace Doppel.UnitTests.FloatingPoint;

/// <summary>Seeded operands where floating point goes wrong: special values, neighbours of them, ties, near cancellation, range ends.</summary>
internal sealed class FloatCaseGenerator(int seed)
{
    private readonly Random _random = new(seed);

    /// <summary>Double-precision values at every corner of the format, positive ones; <see cref="Specials"/> adds the negative ones.</summary>
    private static readonly ulong[] s_corners64 =
    [
        0x0000_0000_0000_0000, 0x0000_0000_0000_0001, 0x0008_0000_0000_0000, 0x000f_ffff_ffff_ffff, 0x0010_0000_0000_0000,
        0x0010_0000_0000_0001, 0x0020_0000_0000_0000, 0x1ff0_0000_0000_0000, 0x3c90_0000_0000_0000, 0x3fe0_0000_0000_0000,
        0x3fef_ffff_ffff_ffff, 0x3ff0_0000_0000_0000, 0x3ff0_0000_0000_0001, 0x4008_0000_0000_0000, 0x4340_0000_0000_0000,
        0x7fdf_ffff_ffff_ffff, 0x7fe0_0000_0000_0000, 0x7fef_ffff_ffff_ffff, 0x7ff0_0000_0000_0000, 0x7ff0_0000_0000_0001,
        0x7ff8_0000_0000_0000, 0x7ff8_0000_dead_beef,
    ];

    private static readonly ulong[] s_corners32 =
    [
        0x0000_0000, 0x0000_0001, 0x0040_0000, 0x007f_ffff, 0x0080_0000, 0x0080_0001, 0x0100_0000, 0x1f80_0000, 0x3380_0000, 0x3f00_0000,
        0x3f7f_ffff, 0x3f80_0000, 0x3f80_0001, 0x4040_0000, 0x4b80_0000, 0x7eff_ffff, 0x7f00_0000, 0x7f7f_ffff, 0x7f80_0000, 0x7f80_0001,
        0x7fc0_0000, 0x7fc0_beef,
    ];

    // Where conversions to integers and to single precision change their answer.
    private static readonly double[] s_boundaries =
    [
        0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 3.5, 127.5, 2147483647.0, 2147483647.5, 2147483648.0, 2147483648.5, 4294967295.0, 4294967295.5,
        4294967296.0, 4503599627370495.5, 9007199254740991.0, 4611686018427387904.0, 9223372036854774784.0, 9223372036854775808.0,
        18446744073709549568.0, 18446744073709551616.0, 1.401298464324817e-45, 7.006492321624085e-46, 1.1754943508222875e-38,
        1.1754942807573643e-38, 1.1754943157898259e-38, 3.4028234663852886e38, 3.4028235677973366e38, 3.4028236692093848e38, 1e30, 1e-50,
    ];

    private static readonly ulong[] s_integers =
    [
        0, 1, 2, 3, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_ffff, 0x1_0000_0000, 0xff_ffff, 0x100_0001, 0x1ff_ffff, 0x200_0001, 0x300_0002,
        0x1f_ffff_ffff_ffff, 0x20_0000_0000_0001, 0x3f_ffff_ffff_ffff, 0x40_0000_0000_0002, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000,
        0x8000_0000_0000_0400, 0x8000_0000_0000_0401, 0xffff_ffff_ffff_fbff, 0xffff_ffff_ffff_fc00, 0xffff_ffff_ffff_ffff, 0x7fff_ff40_0000_0000,
        0xffff_ff7f_ffff_ffff, 0xffff_ff80_0000_0000, 0x8000_0080_0000_0000, 0x8000_0080_0000_0001,
    ];

    private static readonly ulong[] s_specials64 = Specials(s_corners64, Binary64.SignBit, bits => bits);
    private static readonly ulong[] s_specials32 = [.. Specials(s_corners32, Binary32.SignBit, bits => Fp.Box((uint)bits)), 0x0000_0000_3f80_0000];
    private static readonly ulong[] s_boundaries64 = Specials(s_boundaries.Select(BitConverter.DoubleToUInt64Bits), Binary64.SignBit, bits => bits);
    private static readonly ulong[] s_boundaries32 = Specials(
        s_boundaries.Select(value => (ulong)BitConverter.SingleToUInt32Bits((float)value)), Binary32.SignBit, bits => Fp.Box((uint)bits));

    /// <summary>Every instruction, in every rounding mode, on every combination of corner values.</summary>
    internal static IEnumerable<FloatCase> Combinations()
    {
        for (int operation = 0; operation < FloatOperation.All.Length; operation++)
        {
            FloatOperation row = FloatOperation.All[operation];
            foreach (ulong a in Corners(row.A, unary: row.B == OperandKind.None))
            {
                foreach (ulong b in Corners(row.B))
                {
                    foreach (ulong c in Corners(row.C))
                    {
                        for (int rm = 0; rm < 5; rm++) yield return new FloatCase(operation, rm, a, b, c);
                    }
                }
            }
        }
    }

    /// <summary>One random case of an instruction.</summary>
    internal FloatCase Next(int operation)
    {
        FloatOperation row = FloatOperation.All[operation];
        ulong a = Operand(row.A), b = Operand(row.B), c = Operand(row.C);
        int relation = _random.Next(8);
        if (relation == 0 && row.B == row.A) b = Nudge(Signed(a));
        if (relation <= 2 && row.C != OperandKind.None) c = NearProduct(row.C, a, b);
        return new FloatCase(operation, _random.Next(5), a, b, c);
    }

    private ulong Operand(OperandKind kind) => kind switch
    {
        OperandKind.Float64 => Float(s_specials64, s_boundaries64, 52, 0x7ff, 1023),
        OperandKind.Float32 => Single(),
        OperandKind.Integer => Integer(),
        _ => 0,
    };

    // One value in fifty is not a proper NaN box.
    private ulong Single()
    {
        ulong value = Float(s_specials32, s_boundaries32, 23, 0xff, 127);
        return _random.Next(50) == 0 ? (ulong)_random.NextInt64() : Fp.Box((uint)value);
    }

    private ulong Float(ulong[] specials, ulong[] boundaries, int fractionBits, int mask, int bias) => _random.Next(12) switch
    {
        0 => specials[_random.Next(specials.Length)],
        1 => Nudge(specials[_random.Next(specials.Length)]),
        2 => Nudge(boundaries[_random.Next(boundaries.Length)]),
        3 => Compose(_random.Next(mask + 1), fractionBits, mask),
        4 => Compose(_random.Next(4), fractionBits, mask),
        5 => Compose(mask - 1 - _random.Next(3), fractionBits, mask),
        6 => Compose(bias + _random.Next(-(bias / 2) - 3, -(bias / 2) + 4), fractionBits, mask),
        7 => Compose(bias + _random.Next(-1, 66), fractionBits, mask),
        _ => Compose(bias + _random.Next(-fractionBits - 3, fractionBits + 4), fractionBits, mask),
    };

    // Fractions of all kinds: dense, few leading bits, few trailing bits, runs of ones.
    private ulong Compose(int exponent, int fractionBits, int mask)
    {
        ulong all = (1UL << fractionBits) - 1;
        ulong fraction = _random.Next(4) switch
        {
            0 => all << _random.Next(fractionBits + 1),
            1 => (1UL << _random.Next(fractionBits)) ^ (1UL << _random.Next(fractionBits)),
            2 => all >> _random.Next(fractionBits + 1),
            _ => (ulong)_random.NextInt64(),
        };
        ulong sign = (ulong)_random.Next(2);
        return (((sign * ((ulong)mask + 1)) + ((ulong)exponent & (ulong)mask)) << fractionBits) | (fraction & all);
    }

    private ulong Integer() => _random.Next(3) switch
    {
        0 => Nudge(s_integers[_random.Next(s_integers.Length)]),
        1 => (ulong)_random.NextInt64(long.MinValue, long.MaxValue) >> _random.Next(64),
        _ => (ulong)(_random.NextInt64(long.MinValue, long.MaxValue) >> _random.Next(64)),
    };

    private ulong Nudge(ulong bits) => bits + (ulong)_random.Next(-3, 4);

    private ulong Signed(ulong bits) => bits ^ ((ulong)_random.Next(2) << 63);

    // An addend close to minus the product: cancellation, where the last bits of the product decide.
    private ulong NearProduct(OperandKind kind, ulong a, ulong b)
    {
        if (kind == OperandKind.Float64)
            return Nudge(BitConverter.DoubleToUInt64Bits(-(BitConverter.UInt64BitsToDouble(a) * BitConverter.UInt64BitsToDouble(b))));
        float product = BitConverter.UInt32BitsToSingle((uint)a) * BitConverter.UInt32BitsToSingle((uint)b);
        return Fp.Box((uint)Nudge(BitConverter.SingleToUInt32Bits(-product)));
    }

    private static ulong[] Corners(OperandKind kind, bool unary = false) => kind switch
    {
        OperandKind.Float64 => unary ? [.. s_specials64, .. s_boundaries64] : s_specials64,
        OperandKind.Float32 => unary ? [.. s_specials32, .. s_boundaries32] : s_specials32,
        OperandKind.Integer => s_integers,
        _ => [0],
    };

    private static ulong[] Specials(IEnumerable<ulong> positive, ulong signBit, Func<ulong, ulong> box) =>
        [.. positive.SelectMany(bits => new[] { box(bits), box(bits | signBit) })];
}
