using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Doppel.Devices.Backends.Net.User;
using Doppel.Devices.Backends.Net.User.Packets;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>Guests that take all there is of something: it costs them, and not the host.</summary>
public sealed class BoundsTests
{
    [Fact]
    public void DnsStreams_MoreThanTheBound_AreResetUntilOneCloses()
    {
        using StackBench bench = new(new UserNetworkOptions { Resolvers = [] });
        for (ushort port = 1; port <= 64; port++) Assert.Equal(TcpFlags.Syn | TcpFlags.Ack, Open(bench, port));
        Assert.Equal(TcpFlags.Rst | TcpFlags.Ack, Open(bench, 65));
        bench.Send(Segment(1, First + 1, TcpFlags.Rst));
        Assert.Equal(TcpFlags.Syn | TcpFlags.Ack, Open(bench, 66));
        Assert.Equal(64, bench.Network.Dns.Streams);
    }

    [Fact]
    public void PublishedPort_TableIsFull_ClientWaitsWithoutWorkAndThenGetsIn()
    {
        Assert.True(PublishedPort.TryParse("127.0.0.1:0:80", out PublishedPort? port, out _));
        using StackBench bench = new(new UserNetworkOptions { Publishes = [port] });
        for (ushort client = 1; !bench.Network.Tcp.IsFull; client++)
            Assert.True(bench.Network.Tcp.TryOpen(new FlowKey(StackBench.Guest, 80, StackBench.Ip("192.0.2.1"), client), static c => new MemoryRemote(c, [])));
        using Socket late = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        late.Connect(new IPEndPoint(IPAddress.Loopback, bench.Published.Single().HostPort));
        bench.Step();
        bench.Step();
        Assert.False(bench.Network.HasWork, "the loop would never sleep");
        bench.Network.Tcp.Clear();
        Assert.True(bench.Network.HasWork, "nobody would look for the client");
        bench.StepUntil(() => bench.Network.Tcp.Count == 1, "the client did not get in");
    }

    private const uint First = 1000;

    // The flags of what answers a SYN to the name server.
    private static TcpFlags Open(StackBench bench, ushort port)
    {
        bench.Received.Clear();
        bench.Send(Segment(port, First, TcpFlags.Syn));
        return (TcpFlags)Assert.Single(bench.Received).Bytes[47];
    }

    private static byte[] Segment(ushort port, uint sequence, TcpFlags flags)
    {
        byte[] segment = new byte[20];
        BinaryPrimitives.WriteUInt16BigEndian(segment, port);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), 53);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(4), sequence);
        segment[12] = 0x50;
        segment[13] = (byte)flags;
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(14), 60000);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(16), StackBench.TransportChecksum(StackBench.Guest, StackBench.Dns, IpProtocol.Tcp, segment));
        return StackBench.Ipv4(StackBench.Dns, IpProtocol.Tcp, segment);
    }
}
