using Doppel.IsaTests.Common;

namespace Doppel.IsaTests.Streams;

/// <summary>Numbers at which implementations go wrong.</summary>
internal static class SpecialValues
{
    private static readonly ulong[] s_integers =
    [
        0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 127, 128, 255, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, 0xFFFF_FFFF,
        0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0x8000_0000_0000_0001, 0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFE,
        0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_7FFF_FFFF, 0x5555_5555_5555_5555, 0xAAAA_AAAA_AAAA_AAAA, 0x0102_0304_0506_0708,
    ];

    // Both signs of: zero, smallest and largest subnormal, smallest normal, ones, largest, infinity, quiet and signalling NaNs with and
    // without payload, and values at the borders of the integer conversions.
    private static readonly uint[] s_singles =
    [
        0x0000_0000, 0x0000_0001, 0x0000_0002, 0x007F_FFFF, 0x0080_0000, 0x0080_0001, 0x3F80_0000, 0x3F80_0001, 0x3F7F_FFFF, 0x3F00_0000,
        0x3FC0_0000, 0x4000_0000, 0x4040_0000, 0x7F7F_FFFF, 0x7F7F_FFFE, 0x7F80_0000, 0x7FC0_0000, 0x7FC0_1234, 0x7F80_0001, 0x7FBF_FFFF,
        0x4EFF_FFFF, 0x4F00_0000, 0x4F7F_FFFF, 0x4F80_0000, 0x5EFF_FFFF, 0x5F00_0000, 0x5F7F_FFFF, 0x5F80_0000, 0x3F7F_FFFE, 0x3EFF_FFFF,
        0x1F80_0000, 0x2000_0000, 0x5F00_0001, 0x4B00_0000, 0x4B00_0001, 0x4B7F_FFFF, 0x4B80_0000, 0x3DCC_CCCD, 0x4049_0FDB,
    ];

    private static readonly ulong[] s_doubles =
    [
        0x0000_0000_0000_0000, 0x0000_0000_0000_0001, 0x0000_0000_0000_0002, 0x000F_FFFF_FFFF_FFFF, 0x0010_0000_0000_0000, 0x0010_0000_0000_0001,
        0x3FF0_0000_0000_0000, 0x3FF0_0000_0000_0001, 0x3FEF_FFFF_FFFF_FFFF, 0x3FE0_0000_0000_0000, 0x3FF8_0000_0000_0000, 0x4000_0000_0000_0000,
        0x4008_0000_0000_0000, 0x7FEF_FFFF_FFFF_FFFF, 0x7FEF_FFFF_FFFF_FFFE, 0x7FF0_0000_0000_0000, 0x7FF8_0000_0000_0000, 0x7FF8_0000_1234_5678,
        0x7FF0_0000_0000_0001, 0x7FF7_FFFF_FFFF_FFFF, 0x41DF_FFFF_FFC0_0000, 0x41DF_FFFF_FFE0_0000, 0x41E0_0000_0000_0000, 0x41EF_FFFF_FFE0_0000,
        0x41EF_FFFF_FFF0_0000, 0x41F0_0000_0000_0000, 0x43DF_FFFF_FFFF_FFFF, 0x43E0_0000_0000_0000, 0x43EF_FFFF_FFFF_FFFF, 0x43F0_0000_0000_0000,
        0x3690_0000_0000_0000, 0x36A0_0000_0000_0000, 0x380F_FFFF_FFFF_FFFF, 0x380F_FFFF_F000_0000, 0x3810_0000_0000_0000, 0x47EF_FFFF_E000_0000,
        0x47EF_FFFF_F000_0000, 0x47EF_FFFF_EFFF_FFFF, 0x47F0_0000_0000_0000, 0x3FDF_FFFF_FFFF_FFFF, 0x1FF0_0000_0000_0000, 0x2000_0000_0000_0000,
        0x4330_0000_0000_0000, 0x4330_0000_0000_0001, 0x433F_FFFF_FFFF_FFFF, 0x3FB9_9999_9999_999A, 0x4009_21FB_5444_2D18,
    ];

    internal static ulong Integer(Rng rng) => rng.Below(8) switch
    {
        0 or 1 or 2 => rng.Pick(s_integers),
        3 => rng.Next() >> rng.Below(64),
        4 => (ulong)((long)rng.Next() >> rng.Below(64)),
        5 => (ulong)(int)rng.Next(),
        6 => Float(rng),
        _ => rng.Next(),
    };

    /// <summary>Bits for an f register: singles in their NaN box, doubles, and now and then a single out of its box.</summary>
    internal static ulong Float(Rng rng) => rng.Below(10) switch
    {
        < 4 => 0xFFFF_FFFF_0000_0000 | Single(rng),
        4 => (rng.Next() << 32) | Single(rng),
        < 9 => Double(rng),
        _ => rng.Next(),
    };

    private static uint Single(Rng rng)
    {
        uint sign = (uint)rng.Below(2) << 31;
        return rng.Below(4) switch
        {
            0 or 1 => rng.Pick(s_singles) | sign,
            // Exponents near each other, so that sums cancel and products come near the borders.
            2 => sign | (uint)(120 + rng.Below(16)) << 23 | ((uint)rng.Next() & 0x7F_FFFF),
            _ => (uint)rng.Next(),
        };
    }

    private static ulong Double(Rng rng)
    {
        ulong sign = (ulong)rng.Below(2) << 63;
        return rng.Below(4) switch
        {
            0 or 1 => rng.Pick(s_doubles) | sign,
            2 => sign | (ulong)(1015 + rng.Below(16)) << 52 | (rng.Next() & 0xF_FFFF_FFFF_FFFF),
            _ => rng.Next(),
        };
    }
}
