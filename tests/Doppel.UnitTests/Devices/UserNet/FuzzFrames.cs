using System.Buffers.Binary;
using Doppel.Devices.Backends.Net;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>Valid frames of all kinds that a guest sends, for mutation, and the repair of checksums afterwards.</summary>
internal static class FuzzFrames
{
    private const int Ethernet = 14, Header4 = 20, Header6 = 40;
    private static readonly IpAddress s_guest6 = StackBench.Ip("fec0::15"), s_host6 = StackBench.Ip("fec0::2"), s_dns6 = StackBench.Ip("fec0::3");
    private static readonly IpAddress s_world = StackBench.Ip("192.0.2.1"), s_world6 = StackBench.Ip("2001:db8::1");

    /// <summary>How many of the seeds get no answer: a reset, an advertisement, and two first halves.</summary>
    internal static int Unanswered => 4;

    internal static byte[][] Seeds() => [.. Seeds4(), .. Seeds6()];

    /// <summary>Makes the checksums of a frame right, as far as its headers are within it.</summary>
    internal static void Repair(Span<byte> frame)
    {
        if (frame.Length < Ethernet + Header4) return;
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        if (type == EtherType.Ipv4) Repair4(frame[Ethernet..]);
        else if (type == EtherType.Ipv6 && frame.Length >= Ethernet + Header6) Repair6(frame[Ethernet..]);
    }

    private static byte[][] Seeds4()
    {
        byte[] dhcp = new byte[300];
        Convert.FromHexString("010106").CopyTo(dhcp, 0);
        StackBench.GuestMac.Write(dhcp.AsSpan(28));
        Convert.FromHexString("63825363350103" + "3204" + "0A00020F" + "0C03616263" + "FF").CopyTo(dhcp, 236);
        byte[] arp = Convert.FromHexString("0001080006040001525400123456" + "0A00020F" + "000000000000" + "0A000202");
        byte[] whole = StackBench.Echo(StackBench.Host, new byte[64])[(Ethernet + Header4)..];
        MiniTcp tcp = new([]);
        return
        [
            StackBench.Ethernet(EtherType.Arp, arp, MacAddress.Broadcast),
            StackBench.Udp(new(StackBench.Ip("255.255.255.255"), 67), 68, dhcp, StackBench.Ip("0.0.0.0")),
            StackBench.Udp(new(StackBench.Dns, 53), 4000, DnsQuery), StackBench.Udp(new(s_world, 9), 4001, new byte[100]),
            StackBench.Echo(StackBench.Host, new byte[64]), StackBench.Echo(s_world, new byte[64]),
            StackBench.Ipv4(StackBench.Host, IpProtocol.Icmp, whole.AsSpan(0, 40), fragment: 0x2000),
            StackBench.Ipv4(StackBench.Host, IpProtocol.Icmp, whole.AsSpan(40), fragment: 5),
            tcp.Syn(), tcp.Make(5, TcpFlags.Ack, new byte[100]), tcp.Make(5, TcpFlags.Rst, new byte[100]),
            tcp.Make(5, TcpFlags.Syn, default, [2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 0, 0]),
            StackBench.Ipv4(StackBench.Dns, IpProtocol.Tcp, Repaired(StackBench.Ipv4(StackBench.Dns, IpProtocol.Tcp, DnsSyn))[(Ethernet + Header4)..]),
        ];
    }

    private static byte[][] Seeds6()
    {
        IpAddress all = AddressPlan.AllRouters6, asked = StackBench.Ip("ff02::1:ff00:2");
        byte[] echo = Repaired(Ip6(s_host6, IpProtocol.Icmp6, [128, 0, 0, 0, 0x12, 0x34, 0, 1, .. new byte[64]]))[(Ethernet + Header6)..];
        byte[] head = [IpProtocol.Icmp6, 0, 0, 1, 0, 0, 0, 7], tail = [IpProtocol.Icmp6, 0, 0, 40, 0, 0, 0, 7];
        byte[][] frames =
        [
            Ip6(all, IpProtocol.Icmp6, [133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56]),
            Ip6(asked, IpProtocol.Icmp6, [135, 0, 0, 0, 0, 0, 0, 0, .. Bytes(s_host6)]),
            Ip6(s_host6, IpProtocol.Icmp6, [136, 0, 0, 0, 0x60, 0, 0, 0, .. Bytes(s_guest6)]),
            Ip6(s_host6, IpProtocol.Icmp6, echo), Ip6(s_world6, IpProtocol.Icmp6, echo),
            Ip6(s_host6, IpProtocol.HopByHop, [IpProtocol.Icmp6, 0, 1, 4, 0, 0, 0, 0, .. echo]),
            Ip6(s_host6, IpProtocol.DestinationOptions, [IpProtocol.Routing, 0, 1, 4, 0, 0, 0, 0, IpProtocol.Icmp6, 0, 4, 0, 0, 0, 0, 0, .. echo]),
            Ip6(s_host6, IpProtocol.Fragment, [.. head, .. echo[..40]]), Ip6(s_host6, IpProtocol.Fragment, [.. tail, .. echo[40..]]),
            Ip6(AddressPlan.DhcpServers6, IpProtocol.Udp, [2, 34, 2, 35, 0, 22, 0, 0, 11, 1, 2, 3, 0, 1, 0, 6, 0, 3, 0, 1, 9, 9]),
            Ip6(s_dns6, IpProtocol.Udp, [15, 160, 0, 53, 0, (byte)(8 + DnsQuery.Length), 0, 0, .. DnsQuery]),
            Ip6(s_world6, IpProtocol.Udp, [15, 160, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4]),
            Ip6(s_dns6, IpProtocol.Tcp, DnsSyn), Ip6(s_world6, IpProtocol.Tcp, DnsSyn),
        ];
        return [.. frames.Select(Repaired)];
    }

    private static byte[] DnsQuery => Convert.FromHexString("000701000001000000000000" + "04686F737406646F7070656C08696E7465726E616C00" + "00010001");

    private static byte[] DnsSyn => [0x30, 0x39, 0, 53, 0, 0, 0, 9, 0, 0, 0, 0, 0x60, 2, 0xff, 0xff, 0, 0, 0, 0, 2, 4, 5, 0xa0];

    private static byte[] Ip6(IpAddress to, byte next, byte[] payload)
    {
        byte[] packet = [0x60, 0, 0, 0, (byte)(payload.Length >> 8), (byte)payload.Length, next, 255, .. Bytes(s_guest6), .. Bytes(to), .. payload];
        return StackBench.Ethernet(EtherType.Ipv6, packet);
    }

    private static byte[] Bytes(IpAddress address) => address.ToIPAddress().GetAddressBytes();

    private static byte[] Repaired(byte[] frame)
    {
        Repair(frame);
        return frame;
    }

    private static void Repair4(Span<byte> packet)
    {
        int header = Math.Clamp((packet[0] & 15) * 4, Header4, packet.Length);
        int total = Math.Clamp(BinaryPrimitives.ReadUInt16BigEndian(packet[2..]), (ushort)header, (ushort)packet.Length);
        packet[10..12].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], StackBench.Checksum(packet[..header]));
        bool isPart = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & 0x3fff) != 0;
        if (!isPart) RepairTransport(packet[header..total], packet.Slice(12, 8), packet[9]);
    }

    private static void Repair6(Span<byte> packet)
    {
        int length = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(packet[4..]), packet.Length - Header6);
        RepairTransport(packet.Slice(Header6, length), packet.Slice(8, 32), packet[6]);
    }

    // The pseudo-header's length may be written in four bytes: a sum does not care.
    private static void RepairTransport(Span<byte> transport, ReadOnlySpan<byte> addresses, byte protocol)
    {
        int place = protocol switch { IpProtocol.Tcp => 16, IpProtocol.Udp => 6, IpProtocol.Icmp or IpProtocol.Icmp6 => 2, _ => -1 };
        if (place < 0 || transport.Length < place + 2) return;
        transport.Slice(place, 2).Clear();
        byte[] length = [(byte)(transport.Length >> 8), (byte)transport.Length, 0, protocol];
        ushort sum = protocol == IpProtocol.Icmp ? StackBench.Checksum(transport) : StackBench.Checksum([.. addresses, .. length, .. transport]);
        BinaryPrimitives.WriteUInt16BigEndian(transport[place..], sum == 0 ? (ushort)0xffff : sum);
    }
}
