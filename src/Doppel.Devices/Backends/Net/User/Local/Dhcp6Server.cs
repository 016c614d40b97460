using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Naming;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Devices.Backends.Net.User.Udp;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Local;

/// <summary>
/// Tells guests that ask by DHCPv6 where the name server is; addresses they make themselves (RFC 8415, 18.3.6; RFC 3646).
/// Thread contract: the event loop's thread.
/// </summary>
internal sealed class Dhcp6Server(StackContext context, IReadOnlyList<string> search)
{
    internal const ushort ServerPort = 547, ClientPort = 546;

    private const byte InformationRequest = 11, Reply = 7;
    private const ushort OptClient = 1, OptServer = 2, OptDns = 23, OptDomains = 24;
    private const int LongestClientId = 130, LongestSearch = 1000;

    /// <summary>Takes a datagram to the server's port.</summary>
    internal void Input(ReadOnlySpan<byte> message, IpAddress from)
    {
        if (message.Length < 4 || message[0] != InformationRequest) return;
        Span<byte> reply = UdpOutput.Begin(context.Link, v4: false);
        message[..4].CopyTo(reply);
        reply[0] = Reply;
        int length = 4;
        if (TryFind(message[4..], OptClient, out ReadOnlySpan<byte> client) && client.Length <= LongestClientId)
            length = Write(reply, length, OptClient, client);
        // A DUID of type "link-layer address" (RFC 8415, 11.4).
        Span<byte> server = stackalloc byte[4 + MacAddress.Size];
        BinaryPrimitives.WriteUInt32BigEndian(server, 0x0003_0001);
        AddressPlan.RouterMac.Write(server[4..]);
        length = Write(reply, length, OptServer, server);
        Span<byte> dns = stackalloc byte[16];
        context.Plan.Dns6.Write(dns);
        length = Write(reply, length, OptDns, dns);
        length = Write(reply, length, OptDomains, DnsMessage.EncodeNames(search, LongestSearch));
        UdpOutput.Send(context.Link, new(AddressPlan.Router6, ServerPort), new(from, ClientPort), length);
    }

    private static int Write(Span<byte> reply, int at, ushort kind, ReadOnlySpan<byte> value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(reply[at..], kind);
        BinaryPrimitives.WriteUInt16BigEndian(reply[(at + 2)..], (ushort)value.Length);
        value.CopyTo(reply[(at + 4)..]);
        return at + 4 + value.Length;
    }

    private static bool TryFind(ReadOnlySpan<byte> options, ushort kind, out ReadOnlySpan<byte> value)
    {
        value = default;
        while (options.Length >= 4)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(options[2..]);
            if (length > options.Length - 4) return false;
            value = options.Slice(4, length);
            if (BinaryPrimitives.ReadUInt16BigEndian(options) == kind) return true;
            options = options[(4 + length)..];
        }
        return false;
    }
}
