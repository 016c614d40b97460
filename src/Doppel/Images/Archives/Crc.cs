using System.Collections.Immutable;

namespace Doppel.Images.Archives;

/// <summary>The two cyclic redundancy checks of .xz (section 6): CRC32 of IEEE 802.3 and CRC64 of ECMA-182, both reflected.</summary>
internal static class Crc
{
    private static readonly ImmutableArray<uint> s_table32 =
        [.. Enumerable.Range(0, 256).Select(i => (uint)Remainder((ulong)i, 0xEDB88320))];

    private static readonly ImmutableArray<ulong> s_table64 =
        [.. Enumerable.Range(0, 256).Select(i => Remainder((ulong)i, 0xC96C5795D7870F42))];

    /// <summary>CRC32.</summary>
    public static uint Compute32(ReadOnlySpan<byte> data)
    {
        ReadOnlySpan<uint> table = s_table32.AsSpan();
        uint crc = uint.MaxValue;
        foreach (byte b in data) crc = table[(byte)(crc ^ b)] ^ (crc >> 8);
        return ~crc;
    }

    /// <summary>CRC64.</summary>
    public static ulong Compute64(ReadOnlySpan<byte> data)
    {
        ReadOnlySpan<ulong> table = s_table64.AsSpan();
        ulong crc = ulong.MaxValue;
        foreach (byte b in data) crc = table[(byte)(crc ^ b)] ^ (crc >> 8);
        return ~crc;
    }

    private static ulong Remainder(ulong value, ulong polynomial)
    {
        for (int bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? (value >> 1) ^ polynomial : value >> 1;
        return value;
    }
}
