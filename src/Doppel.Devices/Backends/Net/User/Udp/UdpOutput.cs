using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Udp;

/// <summary>Writes datagrams into the link's frame. Pure but for that.</summary>
internal static class UdpOutput
{
    private const int ChecksumOffset = 6;

    /// <summary>Where the payload of the next datagram is to be written.</summary>
    internal static Span<byte> Begin(GuestLink link, bool v4) => link.Begin(v4)[HeaderLength.Udp..];

    /// <summary>Sends a datagram whose payload has been written.</summary>
    internal static bool Send(GuestLink link, IpEndpoint from, IpEndpoint to, int length, MacAddress? via = null)
    {
        Span<byte> header = link.Begin(from.Address.IsV4);
        BinaryPrimitives.WriteUInt16BigEndian(header, from.Port);
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], to.Port);
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)(HeaderLength.Udp + length));
        return link.Send(new(from.Address, to.Address, via), new(IpProtocol.Udp, ChecksumOffset), HeaderLength.Udp + length);
    }

    /// <summary>Sends a datagram.</summary>
    internal static bool Send(GuestLink link, IpEndpoint from, IpEndpoint to, ReadOnlySpan<byte> payload)
    {
        payload.CopyTo(Begin(link, from.Address.IsV4));
        return Send(link, from, to, payload.Length);
    }
}
