using System.Globalization;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net;

/// <summary>An address of Ethernet: 48 bits, the first byte on the wire is the highest.</summary>
/// <param name="Value">The address as a number.</param>
public readonly record struct MacAddress(ulong Value)
{
    /// <summary>Length in bytes.</summary>
    public const int Size = 6;

    /// <summary>The address of everybody.</summary>
    public static MacAddress Broadcast => new(0xFFFF_FFFF_FFFF);

    /// <summary>True for the addresses of groups.</summary>
    public bool IsGroup => (Value & 1UL << 40) != 0;

    /// <summary>Reads an address from a frame or a table.</summary>
    public static MacAddress Read(ReadOnlySpan<byte> source)
    {
        ulong value = 0;
        foreach (byte b in source[..Size]) value = (value << 8) | b;
        return new MacAddress(value);
    }

    /// <summary>Where packets to an IPv6 multicast address go (RFC 2464, 7).</summary>
    internal static MacAddress OfMulticast(IpAddress address) => new(0x3333_0000_0000UL | (uint)address.Low);

    /// <summary>Makes an address for a machine of six bytes of randomness: of one machine, and given by nobody's registry.</summary>
    public static MacAddress CreateLocal(ReadOnlySpan<byte> random) => new((Read(random).Value & ~(3UL << 40)) | 2UL << 40);

    /// <summary>Reads <c>52:54:00:12:34:56</c>; hyphens do as well as colons.</summary>
    public static bool TryParse(string text, out MacAddress address)
    {
        address = default;
        string[] parts = text.Split(':', '-');
        if (parts.Length != Size) return false;
        ulong value = 0;
        foreach (string part in parts)
        {
            if (part.Length is < 1 or > 2 || !byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b)) return false;
            value = (value << 8) | b;
        }
        address = new MacAddress(value);
        return true;
    }

    /// <summary>Writes the address as it stands in a frame.</summary>
    public void Write(Span<byte> destination)
    {
        for (int i = 0; i < Size; i++) destination[i] = (byte)(Value >> (40 - (8 * i)));
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        Write(bytes);
        return string.Join(':', Convert.ToHexStringLower(bytes).Chunk(2).Select(static c => new string(c)));
    }
}
