using Doppel.IsaTests.Harts;
using Doppel.RiscV;

namespace Doppel.IsaTests.Directed;

/// <summary>Conversions with a rounding mode of their own, minimum and maximum (unprivileged manual, F and D), with the flags that they raise.</summary>
public sealed class ConversionTests
{
    private const ulong Inexact = 1, Invalid = 16, NegativeZero = 1UL << 63, Word31 = 0xFFFF_FFFF_8000_0000;

    // Rounding mode, operand, result, flags: of fcvt.l.d.
    private static readonly (string Mode, double Value, long Result, ulong Flags)[] s_toLong =
    [
        ("rmm", 0.5, 1, Inexact), ("rmm", -0.5, -1, Inexact), ("rmm", 0.49999999999999994, 0, Inexact), ("rmm", 2.5, 3, Inexact), ("rmm", -2.5, -3, Inexact),
        ("rmm", 2, 2, 0), ("rmm", 4503599627370495.5, 4503599627370496, Inexact), ("rmm", 9007199254740993, 9007199254740992, 0), ("rmm", -9223372036854775808.0, long.MinValue, 0),
        ("rmm", 9223372036854775808.0, long.MaxValue, Invalid), ("rmm", double.NaN, long.MaxValue, Invalid), ("rmm", 5e-324, 0, Inexact),
        ("rne", 0.5, 0, Inexact), ("rne", 1.5, 2, Inexact), ("rne", -2.5, -2, Inexact), ("rne", 3, 3, 0), ("rne", double.NegativeInfinity, long.MinValue, Invalid),
        ("rdn", 1.5, 1, Inexact), ("rdn", -1.5, -2, Inexact), ("rdn", -0.0, 0, 0), ("rup", 1.5, 2, Inexact), ("rup", -1.5, -1, Inexact), ("rup", 1e300, long.MaxValue, Invalid),
        ("rtz", -1.5, -1, Inexact), ("dyn", 2.5, 2, Inexact),
    ];

    public static TheoryData<string, int> ToLong => Engines.With(s_toLong.Length);

    [Theory]
    [MemberData(nameof(ToLong))]
    public void ToLong_InEachMode_RoundsAndRaisesFlags(string engine, int row)
    {
        (string mode, double value, long result, ulong flags) = s_toLong[row];
        using var hart = new BareHart(engine) { ["a1"] = BitConverter.DoubleToUInt64Bits(value) };

        hart.Run($"csrwi fflags, 0; fmv.d.x ft0, a1; fcvt.l.d a0, ft0, {mode}; csrr a2, fflags; csrr a3, frm");

        Assert.Equal((mode, value, (ulong)result, flags, 0UL), (mode, value, hart["a0"], hart["a2"], hart["a3"]));
    }

    // Operand, result, flags: of fcvt.lu.d with truncation.
    private static readonly (double Value, ulong Result, ulong Flags)[] s_toUnsigned =
    [
        (0, 0, 0), (1.5, 1, Inexact), (9223372036854775808.0, 1UL << 63, 0), (18446744073709549568.0, 18446744073709549568, 0), (18446744073709551616.0, ulong.MaxValue, Invalid),
        (-0.0, 0, 0), (-0.5, 0, Inexact), (-1, 0, Invalid), (-1.5, 0, Invalid), (double.NaN, ulong.MaxValue, Invalid), (double.PositiveInfinity, ulong.MaxValue, Invalid),
    ];

    public static TheoryData<string, int> ToUnsigned => Engines.With(s_toUnsigned.Length);

    [Theory]
    [MemberData(nameof(ToUnsigned))]
    public void ToUnsignedLong_OfAnyValue_SaturatesAndRaisesFlags(string engine, int row)
    {
        (double value, ulong result, ulong flags) = s_toUnsigned[row];
        using var hart = new BareHart(engine) { ["a1"] = BitConverter.DoubleToUInt64Bits(value) };

        hart.Run("csrwi fflags, 0; fmv.d.x ft0, a1; fcvt.lu.d a0, ft0, rtz; csrr a2, fflags");

        Assert.Equal((value, result, flags), (value, hart["a0"], hart["a2"]));
    }

    // Rounding mode, operand, result, flags: of fcvt.wu.d, whose result is sign-extended.
    private static readonly (string Mode, double Value, ulong Result, ulong Flags)[] s_toUnsignedWord =
    [
        ("rtz", 0, 0, 0), ("rtz", 2147483647.9, int.MaxValue, Inexact), ("rtz", 2147483648.0, Word31, 0), ("rtz", 4294967295.5, ulong.MaxValue, Inexact),
        ("rtz", 4294967296.0, ulong.MaxValue, Invalid), ("rtz", -0.5, 0, Inexact), ("rtz", -1, 0, Invalid), ("rtz", double.NaN, ulong.MaxValue, Invalid),
        ("rne", 4294967295.5, ulong.MaxValue, Invalid), ("rne", 2147483647.5, Word31, Inexact), ("rup", 0.1, 1, Inexact), ("rup", 2147483647.9, Word31, Inexact),
        ("rdn", 2147483647.9, int.MaxValue, Inexact), ("rmm", 2.5, 3, Inexact), ("rmm", 2147483647.5, Word31, Inexact), ("dyn", 2.5, 2, Inexact), ("dyn", 3, 3, 0),
    ];

    public static TheoryData<string, int> ToUnsignedWord => Engines.With(s_toUnsignedWord.Length);

    [Theory]
    [MemberData(nameof(ToUnsignedWord))]
    public void ToUnsignedWord_InEachMode_RoundsSaturatesAndRaisesFlags(string engine, int row)
    {
        (string mode, double value, ulong result, ulong flags) = s_toUnsignedWord[row];
        using var hart = new BareHart(engine) { ["a1"] = BitConverter.DoubleToUInt64Bits(value) };

        hart.Run($"csrwi fflags, 0; fmv.d.x ft0, a1; fcvt.wu.d a0, ft0, {mode}; csrr a2, fcsr");

        Assert.Equal((mode, value, result, flags), (mode, value, hart["a0"], hart["a2"]));
    }

    // Instruction, bits of the operand, number of the bit that is set (F extension, "Single-Precision Floating-Point Classify Instruction").
    private static readonly (string Code, ulong Bits, int Class)[] s_classes =
    [
        ("fclass.d", 0xFFF0_0000_0000_0000, 0), ("fclass.d", 0xC000_0000_0000_0000, 1), ("fclass.d", 0x8010_0000_0000_0000, 1), ("fclass.d", 0x800F_FFFF_FFFF_FFFF, 2),
        ("fclass.d", 0x8000_0000_0000_0000, 3), ("fclass.d", 0, 4), ("fclass.d", 1, 5), ("fclass.d", 0x7FEF_FFFF_FFFF_FFFF, 6), ("fclass.d", 0x7FF0_0000_0000_0000, 7),
        ("fclass.d", 0x7FF0_0000_0000_0001, 8), ("fclass.d", 0xFFF7_FFFF_FFFF_FFFF, 8), ("fclass.d", 0x7FF8_0000_0000_0000, 9), ("fclass.d", ulong.MaxValue, 9),
        ("fclass.s", 0xFFFF_FFFF_FF80_0000, 0), ("fclass.s", 0xFFFF_FFFF_8080_0000, 1), ("fclass.s", 0xFFFF_FFFF_807F_FFFF, 2), ("fclass.s", 0xFFFF_FFFF_8000_0000, 3),
        ("fclass.s", 0xFFFF_FFFF_0000_0000, 4), ("fclass.s", 0xFFFF_FFFF_0000_0001, 5), ("fclass.s", 0xFFFF_FFFF_3F80_0000, 6), ("fclass.s", 0xFFFF_FFFF_7F80_0000, 7),
        ("fclass.s", 0xFFFF_FFFF_7FA0_0000, 8), ("fclass.s", 0xFFFF_FFFF_7FC0_0000, 9), ("fclass.s", 0x3F80_0000, 9), ("fclass.s", 0xFFFF_FFFE_3F80_0000, 9),
    ];

    public static TheoryData<string, int> Classes => Engines.With(s_classes.Length);

    [Theory]
    [MemberData(nameof(Classes))]
    public void Class_OfEachKindOfNumber_IsTheManuals(string engine, int row)
    {
        (string code, ulong bits, int bit) = s_classes[row];
        using var hart = new BareHart(engine) { ["a1"] = bits };

        hart.Run($"csrwi fflags, 0; fmv.d.x ft0, a1; fmv.d.x fs11, a1; {code} a0, ft0; {code} a2, fs11; csrr a3, fflags");

        Assert.Equal((code, bits, 1UL << bit, 1UL << bit, 0UL), (code, bits, hart["a0"], hart["a2"], hart["a3"]));
    }

    // Instruction, operand, result, flags.
    private static readonly (string Code, ulong Value, double Result, ulong Flags)[] s_fromLong =
    [
        ("fcvt.d.l ft0, a1, rmm", 5, 5, 0), ("fcvt.d.l ft0, a1, rmm", ulong.MaxValue, -1, 0), ("fcvt.d.l ft0, a1, rup", (1UL << 53) + 1, 9007199254740994, Inexact),
        ("fcvt.d.l ft0, a1, rdn", (1UL << 53) + 1, 9007199254740992, Inexact), ("fcvt.d.l ft0, a1, rmm", (1UL << 53) + 1, 9007199254740994, Inexact),
        ("fcvt.d.lu ft0, a1", ulong.MaxValue, 18446744073709551616.0, Inexact), ("fcvt.d.lu ft0, a1", 7, 7, 0), ("fcvt.d.lu ft0, a1, rtz", ulong.MaxValue, 18446744073709549568.0, Inexact),
        ("fcvt.d.w ft0, a1", 0x1_8000_0000, -2147483648, 0), ("fcvt.d.wu ft0, a1", ulong.MaxValue, 4294967295, 0),
    ];

    public static TheoryData<string, int> FromLong => Engines.With(s_fromLong.Length);

    [Theory]
    [MemberData(nameof(FromLong))]
    public void FromInteger_InEachMode_RoundsAndRaisesFlags(string engine, int row)
    {
        (string code, ulong value, double result, ulong flags) = s_fromLong[row];
        using var hart = new BareHart(engine) { ["a1"] = value };

        hart.Run($"csrwi fflags, 0; {code}; fmv.x.d a0, ft0; csrr a2, fflags");

        Assert.Equal((code, value, result, flags), (code, value, BitConverter.UInt64BitsToDouble(hart["a0"]), hart["a2"]));
    }

    // Operands, minimum, maximum, flags of each. 0x7FF0000000000001 is a signalling NaN.
    private static readonly (ulong A, ulong B, ulong Min, ulong Max, ulong Flags)[] s_extremes =
    [
        (Bits(1), Bits(2), Bits(1), Bits(2), 0), (Bits(2), Bits(-1), Bits(-1), Bits(2), 0), (0, NegativeZero, NegativeZero, 0, 0), (NegativeZero, 0, NegativeZero, 0, 0),
        (NegativeZero, NegativeZero, NegativeZero, NegativeZero, 0), (Bits(3), Bits(3), Bits(3), Bits(3), 0), (Bits(double.NaN), Bits(1), Bits(1), Bits(1), 0),
        (Bits(1), 0x7FF0_0000_0000_0001, Bits(1), Bits(1), Invalid), (Bits(double.NaN), Bits(double.NaN), 0x7FF8_0000_0000_0000, 0x7FF8_0000_0000_0000, 0),
        (Bits(double.NegativeInfinity), Bits(double.PositiveInfinity), Bits(double.NegativeInfinity), Bits(double.PositiveInfinity), 0),
    ];

    public static TheoryData<string, int> Extremes => Engines.With(s_extremes.Length);

    [Theory]
    [MemberData(nameof(Extremes))]
    public void MinAndMax_OfZerosAndNans_ChooseAsTheManualSays(string engine, int row)
    {
        (ulong a, ulong b, ulong min, ulong max, ulong flags) = s_extremes[row];
        using var hart = new BareHart(engine) { ["a1"] = a, ["a2"] = b };

        hart.Run("csrwi fflags, 0; fmv.d.x ft0, a1; fmv.d.x ft1, a2; fmin.d ft2, ft0, ft1; fmax.d ft3, ft0, ft1; fmv.x.d a3, ft2; fmv.x.d a4, ft3; csrr a5, fflags");

        Assert.Equal((min, max, flags), (hart["a3"], hart["a4"], hart["a5"]));
    }

    private static ulong Bits(double value) => BitConverter.DoubleToUInt64Bits(value);
}
