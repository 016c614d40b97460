using Fp = Doppel.RiscV.Semantics.FloatingPoint;

namespace Doppel.UnitTests.FloatingPoint;

/// <summary>What the manual states in words, with the numbers written out; needs no tool.</summary>
public sealed class FloatSpecialValueTests
{
    [Theory]
    [InlineData(0xffff_ffff_3f80_0000, 0x3f80_0000)]
    [InlineData(0xffff_fffe_3f80_0000, 0x7fc0_0000)]
    [InlineData(0x0000_0000_3f80_0000, 0x7fc0_0000)]
    [InlineData(0xffff_ffff_7f80_0001, 0x7f80_0001)]
    public void Unbox_Register_IsValueOrCanonicalNaN(ulong register, uint expected) => Assert.Equal(expected, Fp.Unbox(register));

    // F extension, table of the conversions' valid input ranges.
    [Theory]
    [InlineData("fcvt.w.d", 0x41df_ffff_ffe0_0000, 0, 0x0000_0000_7fff_ffff, 0x10)] // 2^31 - 0.5 rounds up to 2^31, which does not fit
    [InlineData("fcvt.w.d", 0x41df_ffff_ffe0_0000, 1, 0x0000_0000_7fff_ffff, 0x01)]
    [InlineData("fcvt.w.d", 0xc1e0_0000_0020_0000, 1, 0xffff_ffff_8000_0000, 0x10)] // -2^31 - 1
    [InlineData("fcvt.w.d", 0xc1e0_0000_0010_0000, 1, 0xffff_ffff_8000_0000, 0x01)] // -2^31 - 0.5
    [InlineData("fcvt.wu.d", 0xbfe0_0000_0000_0000, 0, 0x0000_0000_0000_0000, 0x01)] // -0.5 rounds to zero, which fits
    [InlineData("fcvt.wu.d", 0xbfe0_0000_0000_0000, 4, 0x0000_0000_0000_0000, 0x10)] // -0.5 rounds to -1
    [InlineData("fcvt.wu.d", 0x7ff8_0000_0000_0000, 0, 0xffff_ffff_ffff_ffff, 0x10)] // NaN: 2^32 - 1, sign-extended
    [InlineData("fcvt.lu.d", 0xfff8_0000_0000_0000, 0, 0xffff_ffff_ffff_ffff, 0x10)]
    [InlineData("fcvt.l.d", 0xfff0_0000_0000_0000, 0, 0x8000_0000_0000_0000, 0x10)]
    [InlineData("fcvt.l.d", 0xc3e0_0000_0000_0000, 0, 0x8000_0000_0000_0000, 0x00)] // -2^63 fits
    [InlineData("fcvt.l.d", 0x4004_0000_0000_0000, 0, 2, 0x01)] // 2.5 in the five modes
    [InlineData("fcvt.l.d", 0x4004_0000_0000_0000, 1, 2, 0x01)]
    [InlineData("fcvt.l.d", 0x4004_0000_0000_0000, 2, 2, 0x01)]
    [InlineData("fcvt.l.d", 0x4004_0000_0000_0000, 3, 3, 0x01)]
    [InlineData("fcvt.l.d", 0x4004_0000_0000_0000, 4, 3, 0x01)]
    [InlineData("fsqrt.d", 0xbff0_0000_0000_0000, 0, 0x7ff8_0000_0000_0000, 0x10)]
    [InlineData("fsqrt.d", 0x8000_0000_0000_0000, 0, 0x8000_0000_0000_0000, 0x00)]
    [InlineData("fcvt.s.d", 0x47ef_ffff_f000_0000, 1, 0xffff_ffff_7f7f_ffff, 0x01)] // just below 2^128: truncation stays in range
    [InlineData("fcvt.s.d", 0x47f0_0000_0000_0000, 1, 0xffff_ffff_7f7f_ffff, 0x05)] // overflow stops at the largest number under RTZ
    [InlineData("fcvt.s.d", 0x47ef_ffff_f000_0000, 0, 0xffff_ffff_7f80_0000, 0x05)]
    [InlineData("fclass.d", 0x8000_0000_0000_0000, 0, 1 << 3, 0x00)]
    [InlineData("fclass.d", 0x7ff0_0000_0000_0001, 0, 1 << 8, 0x00)]
    public void UnaryOperation_ValueFromManual_GivesStatedResult(string mnemonic, ulong a, int rm, ulong result, uint flags) =>
        Assert.Equal(new FloatOutcome(result, flags), Run(mnemonic, rm, a, 0, 0));

    private const ulong One = 0x3ff0_0000_0000_0000, Infinity = 0x7ff0_0000_0000_0000, QuietNaN = 0xfff8_0000_0000_1234,
        SignalingNaN = 0x7ff0_0000_0000_0001, CanonicalNaN = 0x7ff8_0000_0000_0000, MinusZero = 0x8000_0000_0000_0000;

    [Theory]
    [InlineData("fmadd.d", 0, Infinity, 0, QuietNaN, CanonicalNaN, 0x10)] // invalid even with a quiet NaN as addend
    [InlineData("fmadd.d", 0, One, One, QuietNaN, CanonicalNaN, 0x00)]
    [InlineData("fadd.d", 0, One, One | MinusZero, 0, 0, 0x00)]
    [InlineData("fadd.d", 2, One, One | MinusZero, 0, MinusZero, 0x00)] // an exact zero sum is -0 under RDN
    [InlineData("fdiv.d", 0, One, MinusZero, 0, Infinity | MinusZero, 0x08)]
    [InlineData("fdiv.d", 0, 0, 0, 0, CanonicalNaN, 0x10)]
    [InlineData("fmin.d", 0, 0, MinusZero, 0, MinusZero, 0x00)]
    [InlineData("fmax.d", 0, MinusZero, 0, 0, 0, 0x00)]
    [InlineData("fmin.d", 0, SignalingNaN, One, 0, One, 0x10)]
    [InlineData("fmax.d", 0, QuietNaN, One, 0, One, 0x00)]
    [InlineData("fmax.d", 0, QuietNaN, QuietNaN, 0, CanonicalNaN, 0x00)]
    [InlineData("feq.d", 0, QuietNaN, One, 0, 0, 0x00)]
    [InlineData("feq.d", 0, SignalingNaN, One, 0, 0, 0x10)]
    [InlineData("flt.d", 0, QuietNaN, One, 0, 0, 0x10)]
    [InlineData("fmul.d", 0, 0x0010_0000_0000_0000, 0x3fef_ffff_ffff_ffff, 0, 0x0010_0000_0000_0000, 0x03)] // tiny after rounding too
    [InlineData("fmul.d", 0, 0x000f_ffff_ffff_ffff, 0x3ff0_0000_0000_0001, 0, 0x0010_0000_0000_0000, 0x01)] // tiny before rounding only
    public void Operation_ValueFromManual_GivesStatedResult(string mnemonic, int rm, ulong a, ulong b, ulong c, ulong result, uint flags) =>
        Assert.Equal(new FloatOutcome(result, flags), Run(mnemonic, rm, a, b, c));

    private static FloatOutcome Run(string mnemonic, int rm, ulong a, ulong b, ulong c) =>
        FloatOperation.Run(new FloatCase(Array.FindIndex(FloatOperation.All, row => row.Mnemonic == mnemonic), rm, a, b, c));
}
