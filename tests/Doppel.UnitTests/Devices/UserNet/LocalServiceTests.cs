using System.Buffers.Binary;
using Doppel.Devices.Backends.Net;
using Doppel.Devices.Backends.Net.User;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>What the user network answers without the host.</summary>
public sealed class LocalServiceTests
{
    private const int UdpPayload = 42;

    [Theory]
    [InlineData("10.0.2.2", 1)]
    [InlineData("10.0.2.3", 1)]
    [InlineData("10.0.2.15", 0)]
    [InlineData("10.0.2.99", 0)]
    public void Arp_Request_IsAnsweredForOurAddressesOnly(string target, int answers)
    {
        using StackBench bench = new();
        byte[] packet = Convert.FromHexString("0001080006040001525400123456" + "0a00020f" + "000000000000" + "00000000");
        StackBench.Ip(target).Write(packet.AsSpan(24));
        bench.Send(StackBench.Ethernet(EtherType.Arp, packet, MacAddress.Broadcast));
        Assert.Equal(answers, bench.Received.Count);
        Assert.All(bench.Received, r => Assert.Equal(
            "525400123456" + "52550A000202" + "0806" + "0001080006040002" + "52550A000202" + Convert.ToHexString(packet.AsSpan(24)) + "525400123456" + "0A00020F",
            Convert.ToHexString(r.Bytes)));
    }

    [Theory]
    [InlineData("10.0.2.2", 56)]
    [InlineData("10.0.2.3", 1400)]
    public void Echo_ToOurAddresses_IsAnswered(string target, int length)
    {
        using StackBench bench = new();
        byte[] request = StackBench.Echo(StackBench.Ip(target), new byte[length]);
        bench.Send(request);
        byte[] reply = Assert.Single(bench.Received).Bytes;
        Assert.Equal(0, reply[34]);
        Assert.Equal(0, StackBench.Checksum(reply.AsSpan(34)));
        Assert.Equal(request.AsSpan(38).ToArray(), reply.AsSpan(38).ToArray());
    }

    [Fact]
    public void Dhcp_DiscoverAndRequest_GiveTheWellKnownAddress()
    {
        using StackBench bench = new(new UserNetworkOptions { Search = ["corp.example"] });
        byte[] offer = Ask(bench, type: 1);
        Assert.Equal(2, Option(offer, 53)[0]);
        Assert.Equal(StackBench.Guest, IpAddress.Read(offer.AsSpan(UdpPayload + 16, 4)));
        byte[] ack = Ask(bench, type: 3, requested: StackBench.Guest);
        Assert.Equal(5, Option(ack, 53)[0]);
        Assert.Equal("FFFFFF00", Convert.ToHexString(Option(ack, 1)));
        Assert.Equal("0A000202", Convert.ToHexString(Option(ack, 3)));
        Assert.Equal("0A000203", Convert.ToHexString(Option(ack, 6)));
        Assert.Equal("05DC", Convert.ToHexString(Option(ack, 26)));
        Assert.Equal("doppel"u8.ToArray(), Option(ack, 12));
        Assert.Equal("doppel.internal"u8.ToArray(), Option(ack, 15));
        Assert.Equal("\u0006doppel\u0008internal\0\u0004corp\u0007example\0", System.Text.Encoding.ASCII.GetString(Option(ack, 119)));
    }

    [Fact]
    public void Dhcp_RequestOfAnotherAddress_IsRefused()
    {
        using StackBench bench = new();
        Assert.Equal(6, Option(Ask(bench, type: 3, requested: StackBench.Ip("10.0.2.77")), 53)[0]);
    }

    [Fact]
    public void Dhcp_SecondMachine_GetsTheNextAddress()
    {
        using StackBench bench = new();
        Ask(bench, type: 1);
        byte[] offer = Ask(bench, type: 1, mac: 0x5254_0012_3457);
        Assert.Equal(StackBench.Ip("10.0.2.16"), IpAddress.Read(offer.AsSpan(UdpPayload + 16, 4)));
    }

    [Fact]
    public void Dhcp_AThousandMachines_TakeNoMoreThanTheTableHas()
    {
        using StackBench bench = new();
        for (ulong i = 0; i < 1000; i++) bench.Send(Request(1, null, 0x5254_0000_0000 + i));
        Assert.Equal(64, bench.Received.Count);
    }

    [Fact]
    public void LargeUdp_ToTheGuest_ComesInFragmentsThatFit()
    {
        using StackBench bench = new();
        byte[] payload = new byte[9000];
        new Random(1).NextBytes(payload);
        // An echo reply is the simplest large packet that the network makes; its request comes in fragments too.
        byte[] whole = StackBench.Echo(StackBench.Host, payload);
        for (int at = 0; at < 9008; at += 1480)
        {
            int length = Math.Min(1480, 9008 - at);
            bench.Send(StackBench.Ipv4(StackBench.Host, IpProtocol.Icmp, whole.AsSpan(34 + at, length), fragment: (at / 8) | (at + length < 9008 ? 0x2000 : 0)));
        }
        Assert.Equal(7, bench.Received.Count);
        byte[] reply = new byte[9008];
        foreach ((byte[] frame, _) in bench.Received)
        {
            Assert.InRange(frame.Length, 1, 1514);
            frame.AsSpan(34).CopyTo(reply.AsSpan((BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(20)) & 0x1fff) * 8));
        }
        Assert.Equal(payload, reply.AsSpan(8).ToArray());
        Assert.Equal(0, StackBench.Checksum(reply));
    }

    [Fact]
    public void RouterSolicitation_IsAnsweredWithPrefixServerAndDomains()
    {
        using StackBench bench = new(new UserNetworkOptions { Search = ["corp.example"] });
        byte[] packet = Convert.FromHexString("6000000000083AFF" + "00000000000000000000000000000000" + "FF020000000000000000000000000002" + "8500" + "7BB8" + "00000000");
        bench.Send(StackBench.Ethernet(EtherType.Ipv6, packet));
        byte[] message = Assert.Single(bench.Received).Bytes[54..];
        Assert.Equal(134, message[0]);
        Dictionary<byte, byte[]> options = [];
        for (int at = 16; at < message.Length; at += 8 * message[at + 1]) options.Add(message[at], message[at..(at + (8 * message[at + 1]))]);
        Assert.Equal<byte>([1, 3, 5, 25, 31], options.Keys.Order());
        Assert.Equal("FEC00000000000000000000000000000", Convert.ToHexString(options[3].AsSpan(16, 16)));
        Assert.Equal("FEC00000000000000000000000000003", Convert.ToHexString(options[25].AsSpan(8, 16)));
        Assert.Equal("\u0006doppel\u0008internal\0\u0004corp\u0007example\0", System.Text.Encoding.ASCII.GetString(options[31].AsSpan(8)).TrimEnd('\0') + '\0');
    }

    private static byte[] Ask(StackBench bench, byte type, IpAddress? requested = null, ulong mac = 0x5254_0012_3456)
    {
        bench.Received.Clear();
        bench.Send(Request(type, requested, mac));
        return Assert.Single(bench.Received).Bytes;
    }

    private static byte[] Request(byte type, IpAddress? requested, ulong mac)
    {
        byte[] message = new byte[300];
        message[0] = message[1] = 1;
        message[2] = 6;
        new MacAddress(mac).Write(message.AsSpan(28));
        Convert.FromHexString("63825363" + "3501").CopyTo(message, 236);
        message[242] = type;
        int at = 243;
        if (requested is { } address)
        {
            message[at] = 50;
            message[at + 1] = 4;
            address.Write(message.AsSpan(at + 2));
            at += 6;
        }
        message[at] = 255;
        return StackBench.Udp(new(IpAddress.FromV4(uint.MaxValue), 67), 68, message, IpAddress.FromV4(0));
    }

    private static byte[] Option(byte[] frame, byte kind)
    {
        int at = UdpPayload + 240;
        while (frame[at] != kind) at += 2 + frame[at + 1];
        return frame.AsSpan(at + 2, frame[at + 1]).ToArray();
    }
}
