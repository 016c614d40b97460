using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Local;

/// <summary>Writes ICMP and ICMPv6 messages into the link's frame (RFC 792, RFC 4443). Pure but for that.</summary>
internal static class IcmpOutput
{
    private const int ChecksumOffset = 2;
    private const int QuotedTransport = 8;

    /// <summary>Sends a message that has been written into the link's frame.</summary>
    internal static void Send(GuestLink link, IpAddress from, IpAddress to, int length)
    {
        if (!from.IsV4)
        {
            link.Send(new(from, to), new(IpProtocol.Icmp6, ChecksumOffset), length);
            return;
        }
        // ICMP has no pseudo-header.
        Span<byte> message = link.Begin(v4: true)[..length];
        message.Slice(ChecksumOffset, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(message[ChecksumOffset..], InternetChecksum.Of(message));
        link.Send(new(from, to), new(IpProtocol.Icmp, -1), length);
    }

    /// <summary>Tells the guest that a packet of a flow was not delivered.</summary>
    /// <param name="context">The network.</param>
    /// <param name="key">The flow.</param>
    /// <param name="protocol">TCP or UDP.</param>
    /// <param name="sequence">TCP's sequence number, else zero.</param>
    /// <param name="reason">Why.</param>
    internal static void SendUnreachable(StackContext context, in FlowKey key, byte protocol, uint sequence, Unreachable reason)
    {
        Span<byte> transport = stackalloc byte[QuotedTransport];
        BinaryPrimitives.WriteUInt16BigEndian(transport, key.GuestPort);
        BinaryPrimitives.WriteUInt16BigEndian(transport[2..], key.RemotePort);
        BinaryPrimitives.WriteUInt32BigEndian(transport[4..], protocol == IpProtocol.Tcp ? sequence : (uint)QuotedTransport << 16);
        SendUnreachable(context, (key.Guest, key.Remote), protocol, transport, reason);
    }

    /// <summary>Tells the guest that a packet was not delivered, with the first bytes of what it carried.</summary>
    internal static void SendUnreachable(
        StackContext context, (IpAddress Guest, IpAddress Remote) ends, byte protocol, ReadOnlySpan<byte> transport, Unreachable reason)
    {
        bool v4 = ends.Guest.IsV4;
        Span<byte> message = context.Link.Begin(v4);
        message[..HeaderLength.Icmp].Clear();
        message[0] = v4 ? Unreachables.Type4 : Unreachables.Type6;
        message[1] = Unreachables.Code(reason, v4);
        transport = transport[..Math.Min(transport.Length, QuotedTransport)];
        Span<byte> quote = message[HeaderLength.Icmp..];
        int header = v4 ? WriteQuote4(quote, ends, protocol, transport.Length) : WriteQuote6(quote, ends, protocol, transport.Length);
        transport.CopyTo(quote[header..]);
        Send(context.Link, v4 ? context.Plan.Host4 : context.Plan.Host6, ends.Guest, HeaderLength.Icmp + header + transport.Length);
    }

    private static int WriteQuote4(Span<byte> quote, (IpAddress Guest, IpAddress Remote) ends, byte protocol, int length)
    {
        Span<byte> header = quote[..HeaderLength.Ipv4];
        header.Clear();
        header[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)(HeaderLength.Ipv4 + length));
        header[8] = 64;
        header[9] = protocol;
        ends.Guest.Write(header[12..]);
        ends.Remote.Write(header[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], InternetChecksum.Of(header));
        return HeaderLength.Ipv4;
    }

    private static int WriteQuote6(Span<byte> quote, (IpAddress Guest, IpAddress Remote) ends, byte protocol, int length)
    {
        Span<byte> header = quote[..HeaderLength.Ipv6];
        header.Clear();
        header[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)length);
        header[6] = protocol;
        header[7] = 64;
        ends.Guest.Write(header[8..]);
        ends.Remote.Write(header[24..]);
        return HeaderLength.Ipv6;
    }
}
