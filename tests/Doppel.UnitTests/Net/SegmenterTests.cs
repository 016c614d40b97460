using System.Buffers.Binary;
using Doppel.Devices.Backends.Net;

namespace Doppel.UnitTests.Net;

public sealed class SegmenterTests
{
    private readonly NetSegmenter _segmenter = new();
    private readonly List<byte[]> _parts = [];

    [Theory]
    [InlineData(false, 6, 3500, 1000)]
    [InlineData(false, 6, 1000, 1000)]
    [InlineData(true, 6, 3500, 1400)]
    [InlineData(false, 17, 3500, 1000)]
    [InlineData(true, 17, 60_000, 1432)]
    public void Send_ReceiverThatTakesNothing_GetsValidPartsWithAllBytesInOrder(bool is6, byte protocol, int payload, ushort size)
    {
        byte[] data = new byte[payload];
        new Random(payload).NextBytes(data);
        byte[] frame = Packet(is6, protocol, data);
        int transport = is6 ? 54 : 34, header = transport + (protocol == 6 ? 20 : 8);
        NetSegmentation kind = protocol == 17 ? NetSegmentation.Udp : is6 ? NetSegmentation.Tcp6 : NetSegmentation.Tcp4;
        Send(frame, new NetOffload(true, (ushort)transport, (ushort)(protocol == 6 ? 16 : 6), kind, size, (ushort)header, false), NetCapabilities.Plain);
        Assert.Equal((payload + size - 1) / size, _parts.Count);
        Assert.Equal(data, _parts.SelectMany(p => p[header..]));
        Assert.All(_parts, part => AssertValid(part, is6, protocol));
    }

    [Fact]
    public void Send_TcpFlags_AreOnTheRightParts()
    {
        byte[] frame = Packet(is6: false, 6, new byte[3000]);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(38), 0xFFFF_FF00);
        frame[47] = 0x80 | 0x10 | 8 | 1;
        Send(frame, new NetOffload(true, 34, 16, NetSegmentation.Tcp4, 1000, 54, false, Ecn: true), NetCapabilities.Plain);
        Assert.Equal([0x90, 0x10, 0x19], _parts.Select(static p => (int)p[47]));
        Assert.Equal([0xFFFF_FF00, 0x2E8u, 0x6D0u], _parts.Select(static p => BinaryPrimitives.ReadUInt32BigEndian(p.AsSpan(38))));
        Assert.Equal([7, 8, 9], _parts.Select(static p => (int)BinaryPrimitives.ReadUInt16BigEndian(p.AsSpan(18))));
    }

    [Fact]
    public void Send_ReceiverThatTakesIt_GetsItAsItIs()
    {
        byte[] frame = Packet(is6: false, 6, new byte[3000]);
        Send(frame, new NetOffload(true, 34, 16, NetSegmentation.Tcp4, 1000, 54, false), NetCapabilities.All);
        Assert.Equal(frame, Assert.Single(_parts));
    }

    [Fact]
    public void Send_RandomBytesThatClaimToBeCut_NeverLeaveTheirFrame()
    {
        Random random = new(20261);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] frame = random.Next(2) == 0 ? new byte[random.Next(14, 300)] : Packet(random.Next(2) == 0, 6, new byte[random.Next(300)]);
            for (int j = random.Next(20); j > 0; j--) frame[random.Next(frame.Length)] = (byte)random.Next();
            ushort start = (ushort)random.Next(frame.Length - 1);
            ushort offset = (ushort)random.Next(frame.Length - start - 1);
            Send(frame, new NetOffload(true, start, offset, (NetSegmentation)random.Next(4), (ushort)random.Next(1, 200), 0, false), NetCapabilities.Plain);
            Assert.All(_parts, part => Assert.True(part.Length <= frame.Length, "a part is longer than the whole"));
            _parts.Clear();
        }
    }

    private void Send(byte[] frame, in NetOffload offload, NetCapabilities takes)
        => _segmenter.Send(frame, offload, takes, (ReadOnlySpan<byte> part, in NetOffload _) => _parts.Add(part.ToArray()));

    private static byte[] Packet(bool is6, byte protocol, byte[] payload)
    {
        int transport = is6 ? 54 : 34;
        byte[] frame = [.. NetGuest.Frame(NetGuest.Mac, transport + (protocol == 6 ? 20 : 8)), .. payload];
        frame.AsSpan(14, transport - 14).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), is6 ? (ushort)0x86DD : (ushort)0x0800);
        frame[14] = is6 ? (byte)0x60 : (byte)0x45;
        frame[is6 ? 20 : 23] = protocol;
        frame[19] = 7;
        for (int i = is6 ? 22 : 26; i < transport; i++) frame[i] = (byte)i;
        if (protocol == 6) frame[transport + 12] = 5 << 4;
        return frame;
    }

    private static void AssertValid(byte[] part, bool is6, byte protocol)
    {
        int transport = is6 ? 54 : 34, length = part.Length - transport;
        Assert.Equal(is6 ? length : length + 20, BinaryPrimitives.ReadUInt16BigEndian(part.AsSpan(is6 ? 18 : 16)));
        Assert.Equal(is6 ? 0 : 0xFFFF, is6 ? 0 : Sum(part.AsSpan(14, 20), 0));
        Assert.Equal(protocol == 17 ? length : 0, protocol == 17 ? BinaryPrimitives.ReadUInt16BigEndian(part.AsSpan(transport + 4)) : 0);
        Assert.Equal(0xFFFF, Sum(part.AsSpan(transport), Sum(part.AsSpan(is6 ? 22 : 26, is6 ? 32 : 8), length + protocol)));
    }

    private static int Sum(ReadOnlySpan<byte> data, int start)
    {
        int sum = start;
        for (int i = 0; i < data.Length; i++) sum += i % 2 == 0 ? data[i] << 8 : data[i];
        while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
        return sum;
    }
}
