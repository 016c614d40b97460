using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Net.User.Packets;

/// <summary>An Ethernet address as a number of 48 bits, first byte most significant.</summary>
internal readonly record struct EthernetAddress(ulong Bits)
{
    internal const int Length = 6;

    internal static EthernetAddress Broadcast => new(0xffff_ffff_ffff);

    internal bool IsMulticast => (Bits >> 40 & 1) != 0;

    internal static EthernetAddress Read(ReadOnlySpan<byte> bytes)
        => new((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32 | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]));

    /// <summary>Where packets to an IPv6 multicast address go (RFC 2464, 7).</summary>
    internal static EthernetAddress OfMulticast(UInt128 address) => new(0x3333_0000_0000UL | (uint)address);

    internal void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt16BigEndian(destination, (ushort)(Bits >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(destination[2..], (uint)Bits);
    }
}
