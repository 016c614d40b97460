using System.Buffers.Binary;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Packets;

/// <summary>Where a fragment belongs in its datagram.</summary>
/// <param name="IsFragment">False for a packet that is whole.</param>
/// <param name="Identification">What the fragments of a datagram have in common.</param>
/// <param name="Offset">Place of the payload in the datagram's payload, in bytes.</param>
/// <param name="More">True unless this is the last one.</param>
internal readonly record struct FragmentInfo(bool IsFragment, uint Identification, int Offset, bool More);

/// <summary>A received IP packet whose header has been checked. It points into the frame, or into the reassembled datagram.</summary>
internal readonly ref struct IpPacket
{
    // More headers than any honest sender puts in (RFC 8200, 4.1 lists seven).
    private const int MostExtensionHeaders = 8;

    internal IpAddress Source { get; init; }

    internal IpAddress Destination { get; init; }

    internal byte Protocol { get; init; }

    internal byte HopLimit { get; init; }

    internal FragmentInfo Fragment { get; init; }

    /// <summary>What follows the IP headers.</summary>
    internal ReadOnlySpan<byte> Payload { get; init; }

    /// <summary>The packet from its IP header on, which ICMP errors quote.</summary>
    internal ReadOnlySpan<byte> Raw { get; init; }

    internal bool IsV4 => Source.IsV4;

    /// <summary>The same packet with another payload: the whole datagram instead of one fragment.</summary>
    internal IpPacket WithPayload(ReadOnlySpan<byte> payload) => new()
    {
        Source = Source, Destination = Destination, Protocol = Protocol, HopLimit = HopLimit, Payload = payload, Raw = Raw,
    };

    /// <summary>True if the transport's checksum over pseudo-header and payload is right.</summary>
    internal bool HasValidChecksum()
        => InternetChecksum.Fold(InternetChecksum.Add(InternetChecksum.AddPseudoHeader(0, Source, Destination, Protocol, Payload.Length), Payload)) == 0xffff;

    /// <summary>Takes an IPv4 header apart (RFC 791, 3.1). False if the packet is to be dropped.</summary>
    internal static bool TryParse4(ReadOnlySpan<byte> raw, out IpPacket packet)
    {
        packet = default;
        if (raw.Length < HeaderLength.Ipv4 || raw[0] >> 4 != 4) return false;
        int header = (raw[0] & 15) * 4;
        int total = BinaryPrimitives.ReadUInt16BigEndian(raw[2..]);
        if (header < HeaderLength.Ipv4 || total < header || total > raw.Length) return false;
        if (InternetChecksum.Of(raw[..header]) != 0) return false;
        ushort fragment = BinaryPrimitives.ReadUInt16BigEndian(raw[6..]);
        bool more = (fragment & 0x2000) != 0;
        int offset = (fragment & 0x1fff) * 8;
        packet = new IpPacket
        {
            Source = IpAddress.Read(raw.Slice(12, 4)), Destination = IpAddress.Read(raw.Slice(16, 4)),
            Protocol = raw[9], HopLimit = raw[8], Payload = raw[header..total], Raw = raw[..total],
            Fragment = new(more || offset != 0, BinaryPrimitives.ReadUInt16BigEndian(raw[4..]), offset, more),
        };
        return true;
    }

    /// <summary>Takes an IPv6 header and what extends it apart (RFC 8200, 3 and 4). False if the packet is to be dropped.</summary>
    internal static bool TryParse6(ReadOnlySpan<byte> raw, out IpPacket packet)
    {
        packet = default;
        if (raw.Length < HeaderLength.Ipv6 || raw[0] >> 4 != 6) return false;
        int length = BinaryPrimitives.ReadUInt16BigEndian(raw[4..]);
        if (length > raw.Length - HeaderLength.Ipv6) return false;
        raw = raw[..(HeaderLength.Ipv6 + length)];
        IpAddress source = IpAddress.Read(raw.Slice(8, 16)), destination = IpAddress.Read(raw.Slice(24, 16));
        // Mapped addresses never stand in a packet; taking one for IPv4 would let it past what is known of its network.
        if (source.IsV4 || destination.IsV4) return false;
        ReadOnlySpan<byte> rest = raw[HeaderLength.Ipv6..];
        byte next = raw[6];
        if (!TrySkipExtensions(ref rest, ref next, out FragmentInfo fragment)) return false;
        packet = new IpPacket
        {
            Source = source, Destination = destination, Protocol = next, HopLimit = raw[7], Payload = rest, Raw = raw, Fragment = fragment,
        };
        return true;
    }

    private static bool TrySkipExtensions(ref ReadOnlySpan<byte> rest, ref byte next, out FragmentInfo fragment)
    {
        fragment = default;
        for (int i = 0; i < MostExtensionHeaders; i++)
        {
            if (next is not (IpProtocol.HopByHop or IpProtocol.DestinationOptions or IpProtocol.Routing or IpProtocol.Fragment)) return true;
            if (rest.Length < 8) return false;
            // A packet that is still on its way to another node is not for a host (RFC 8200, 4.4).
            if (next == IpProtocol.Routing && rest[3] != 0) return false;
            bool fragmented = next == IpProtocol.Fragment;
            int length = fragmented ? 8 : (rest[1] + 1) * 8;
            if (length > rest.Length) return false;
            next = rest[0];
            if (fragmented) fragment = ReadFragment(rest);
            rest = rest[length..];
            // What a fragment carries is looked at when the datagram is whole.
            if (fragment.IsFragment) return true;
        }
        return false;
    }

    private static FragmentInfo ReadFragment(ReadOnlySpan<byte> header)
    {
        ushort field = BinaryPrimitives.ReadUInt16BigEndian(header[2..]);
        bool more = (field & 1) != 0;
        int offset = field & 0xfff8;
        // A fragment that is the whole datagram is one for itself (RFC 6946).
        return new(more || offset != 0, BinaryPrimitives.ReadUInt32BigEndian(header[4..]), offset, more);
    }
}
