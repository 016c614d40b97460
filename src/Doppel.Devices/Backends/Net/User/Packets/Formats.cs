namespace Doppel.Devices.Backends.Net.User.Packets;

/// <summary>Numbers of the Ethernet type field (RFC 9542).</summary>
internal static class EtherType
{
    internal const ushort Ipv4 = 0x0800, Arp = 0x0806, Ipv6 = 0x86dd;
}

/// <summary>Numbers of the protocol field (RFC 5237).</summary>
internal static class IpProtocol
{
    internal const byte HopByHop = 0, Icmp = 1, Tcp = 6, Udp = 17, Routing = 43, Fragment = 44, Icmp6 = 58, NoNext = 59, DestinationOptions = 60;
}

/// <summary>Flags of the TCP header (RFC 9293, 3.1).</summary>
[Flags]
internal enum TcpFlags : byte
{
    None = 0,
    Fin = 1,
    Syn = 2,
    Rst = 4,
    Psh = 8,
    Ack = 16,
}

/// <summary>Why a packet was not delivered; the codes of ICMP and ICMPv6 are in <see cref="Unreachables"/>.</summary>
internal enum Unreachable : byte
{
    Network,
    Host,
    Port,
    Prohibited,
}

/// <summary>The code of "destination unreachable" for each reason (RFC 792, RFC 1812 5.2.7.1; RFC 4443, 3.1).</summary>
internal static class Unreachables
{
    internal const byte Type4 = 3, Type6 = 1;

    private static readonly (byte Code4, byte Code6)[] s_codes =
    [
        (0, 0),  // Network: no route
        (1, 3),  // Host: address unreachable
        (3, 4),  // Port
        (13, 1), // Prohibited by policy
    ];

    internal static byte Code(Unreachable reason, bool v4) => v4 ? s_codes[(int)reason].Code4 : s_codes[(int)reason].Code6;
}

/// <summary>Lengths of headers in bytes.</summary>
internal static class HeaderLength
{
    internal const int Ethernet = 14, Ipv4 = 20, Ipv6 = 40, Ipv6Fragment = 8, Tcp = 20, Udp = 8, Icmp = 8;

    /// <summary>Ethernet and IP together.</summary>
    internal static int Network(bool v4) => Ethernet + (v4 ? Ipv4 : Ipv6);
}
