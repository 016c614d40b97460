using System.Buffers.Binary;
using System.Net;

namespace Doppel.Host;

/// <summary>An IPv4 or IPv6 address as a plain value. IPv4 is kept in its IPv4-mapped form (RFC 4291, 2.5.5.2), so one dictionary holds both.</summary>
/// <param name="High">The first eight bytes of the address, first byte most significant.</param>
/// <param name="Low">The last eight bytes.</param>
public readonly record struct IpAddress(ulong High, ulong Low)
{
    private const ulong MappedPrefix = 0xffffUL << 32;

    /// <summary>True for an IPv4 address.</summary>
    public bool IsV4 => High == 0 && Low >> 32 == MappedPrefix >> 32;

    /// <summary>The four bytes of an IPv4 address, first byte most significant.</summary>
    public uint V4 => (uint)Low;

    /// <summary>True for the IPv6 address of nobody, <c>::</c>.</summary>
    public bool IsUnspecified6 => (High | Low) == 0;

    /// <summary>True for an IPv6 address of a group (RFC 4291, 2.7).</summary>
    public bool IsMulticast6 => High >> 56 == 0xff;

    /// <summary>Bytes of the address in a packet: 4 or 16.</summary>
    public int Length => IsV4 ? 4 : 16;

    /// <summary>Makes an IPv4 address.</summary>
    /// <param name="address">The four bytes, first byte most significant.</param>
    public static IpAddress FromV4(uint address) => new(0, MappedPrefix | address);

    /// <summary>Reads the 4 or 16 bytes of an address as they stand in a packet.</summary>
    public static IpAddress Read(ReadOnlySpan<byte> bytes) => bytes.Length == 4
        ? FromV4(BinaryPrimitives.ReadUInt32BigEndian(bytes))
        : new(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));

    /// <summary>Converts from the class library's address.</summary>
    public static IpAddress From(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out int length);
        return Read(bytes[..length]);
    }

    /// <summary>Writes the address as it stands in a packet: <see cref="Length"/> bytes.</summary>
    public void Write(Span<byte> destination)
    {
        if (IsV4)
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination, V4);
            return;
        }
        BinaryPrimitives.WriteUInt64BigEndian(destination, High);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], Low);
    }

    /// <summary>Converts to the class library's address.</summary>
    public IPAddress ToIPAddress()
    {
        Span<byte> bytes = stackalloc byte[Length];
        Write(bytes);
        return new IPAddress(bytes);
    }

    /// <summary>True if the address lies within the block of addresses that share the first bits of another.</summary>
    /// <param name="block">Any address of the block.</param>
    /// <param name="prefixLength">How many leading bits count: 0 to 32, or 0 to 128 for IPv6.</param>
    public bool IsWithin(IpAddress block, int prefixLength)
    {
        if (IsV4 != block.IsV4) return false;
        int bits = IsV4 ? 96 + prefixLength : prefixLength;
        return AreSame(High, block.High, Math.Min(bits, 64)) && AreSame(Low, block.Low, Math.Max(bits - 64, 0));
    }

    /// <inheritdoc/>
    public override string ToString() => ToIPAddress().ToString();

    // The first bits of each; a shift by 64 would be one by none.
    private static bool AreSame(ulong a, ulong b, int bits) => bits == 0 || (a ^ b) >> (64 - bits) == 0;
}

/// <summary>An address and a port; the scope tells the interface of a link-local IPv6 address, else zero.</summary>
public readonly record struct IpEndpoint(IpAddress Address, ushort Port, uint Scope = 0)
{
    /// <summary>Converts from the class library's address, with its scope.</summary>
    public static IpEndpoint From(IPAddress address, ushort port)
    {
        IpAddress value = IpAddress.From(address);
        return new(value, port, value.IsV4 ? 0 : (uint)address.ScopeId);
    }

    /// <summary>Bytes of the C library's largest Internet socket address.</summary>
    internal const int SockAddrBytes = 28;

    /// <inheritdoc/>
    public override string ToString() => new IPEndPoint(Address.ToIPAddress(), Port).ToString();

    // struct sockaddr_in and sockaddr_in6: the family in host order, everything else as on the wire but the scope.
    internal int WriteSockAddr(Span<byte> destination)
    {
        destination.Clear();
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], Port);
        if (Address.IsV4)
        {
            BitConverter.TryWriteBytes(destination, (ushort)Interop.AfInet);
            Address.Write(destination[4..]);
            return 16;
        }
        BitConverter.TryWriteBytes(destination, (ushort)Interop.AfInet6);
        Address.Write(destination[8..]);
        BitConverter.TryWriteBytes(destination[24..], Scope);
        return SockAddrBytes;
    }

    internal static IpEndpoint ReadSockAddr(ReadOnlySpan<byte> source)
    {
        ushort port = BinaryPrimitives.ReadUInt16BigEndian(source[2..]);
        return BitConverter.ToUInt16(source) == Interop.AfInet
            ? new(IpAddress.Read(source.Slice(4, 4)), port)
            : new(IpAddress.Read(source.Slice(8, 16)), port, BitConverter.ToUInt32(source[24..]));
    }
}
