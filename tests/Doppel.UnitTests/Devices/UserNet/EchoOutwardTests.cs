using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Devices.Backends.Net.User.Policy;
using Doppel.Host;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>
/// Echo requests that leave the private network through the host's ping sockets. A network namespace stands for the host, and addresses of its
/// loopback for the world.
/// </summary>
public sealed class EchoOutwardTests : IDisposable
{
    private const int Message4 = 34, Message6 = 54;
    private const string Everybody = "0 2147483647", Nobody = "1 0";
    private static readonly IpAddress s_world4 = StackBench.Ip("192.0.2.1"), s_world6 = StackBench.Ip("2001:db8::1"), s_guest6 = StackBench.Ip("fec0::15");

    private readonly NetworkNamespace _host = NetworkNamespace.CreateWorld();

    public void Dispose() => _host.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(56)]
    [InlineData(4000)]
    public void Echo_HostAllowsIt_IsAnsweredFromOutside(int length)
    {
        byte[] data = new byte[length];
        new Random(length).NextBytes(data);
        AllowPings(Everybody);
        byte[] reply = _host.Run(() =>
        {
            using StackBench bench = new();
            bench.Send(StackBench.Echo(s_world4, data));
            bench.StepUntil(() => bench.Received.Count == 1 + (length / 1480), "no answer");
            return bench.Received.SelectMany(static (f, i) => f.Bytes.Skip(i == 0 ? 0 : Message4)).ToArray();
        });
        Assert.Equal((s_world4, StackBench.Guest), (IpAddress.Read(reply.AsSpan(26, 4)), IpAddress.Read(reply.AsSpan(30, 4))));
        ReadOnlySpan<byte> message = reply.AsSpan(Message4);
        Assert.Equal(0, StackBench.Checksum(message));
        Assert.Equal("00001234" + "0001" + Convert.ToHexString(data), Convert.ToHexString([message[0], message[1], .. message[4..]]));
    }

    [Fact]
    public void Echo6_HostAllowsIt_IsAnsweredFromOutside()
    {
        AllowPings(Everybody);
        byte[] reply = _host.Run(() =>
        {
            using StackBench bench = new();
            bench.Send(Echo6(s_world6, "seven of them"u8));
            return bench.Next("no answer");
        });
        Assert.Equal((s_world6, s_guest6), (IpAddress.Read(reply.AsSpan(22, 16)), IpAddress.Read(reply.AsSpan(38, 16))));
        Assert.Equal(0, Checksum6(s_world6, s_guest6, reply.AsSpan(Message6)));
        Assert.Equal("8100" + "12340001" + Convert.ToHexString("seven of them"u8), Convert.ToHexString([.. reply[Message6..(Message6 + 2)], .. reply[(Message6 + 4)..]]));
    }

    [Fact]
    public void Echo_HostAllowsNobody_IsProhibited()
    {
        AllowPings(Nobody);
        Assert.Equal((3, 13), Refusal(new UserNetworkOptions(), s_world4));
    }

    [Fact]
    public void Echo_NoWay_IsUnreachable()
    {
        AllowPings(Everybody);
        Assert.Equal((3, 0), Refusal(new UserNetworkOptions(), StackBench.Ip("198.51.100.1")));
    }

    [Fact]
    public void Echo_PlaceThatIsNotAllowed_IsProhibited()
    {
        AllowPings(Everybody);
        Assert.True(EgressRule.TryParse("192.0.2.0/24:80", out EgressRule? port, out _));
        Assert.True(EgressRule.TryParse("203.0.113.0/24", out EgressRule? other, out _));
        Assert.Equal((3, 13), Refusal(new UserNetworkOptions { Allow = [port, other] }, s_world4));
        Assert.Equal((3, 13), Refusal(new UserNetworkOptions { Restrict = true }, s_world4));
    }

    [Fact]
    public void Echo_AThousandPrograms_TakeFewSockets()
    {
        AllowPings(Everybody);
        int sockets = _host.Run(() =>
        {
            using StackBench bench = new();
            for (int i = 0; i < 1000; i++)
            {
                byte[] frame = StackBench.Echo(s_world4, [(byte)(i >> 8), (byte)i]);
                // The identifier moves from the header to where its sum is the same: the checksum stays right.
                (frame[38], frame[39], frame[42], frame[43]) = (frame[42], frame[43], frame[38], frame[39]);
                bench.Send(frame);
            }
            return bench.Network.Context.Sockets.Count;
        });
        Assert.Equal(64, sockets);
    }

    private void AllowPings(string groups) => _host.Run(() => File.WriteAllText("/proc/sys/net/ipv4/ping_group_range", groups));

    // Type and code of the one message that answers.
    private (int Type, int Code) Refusal(UserNetworkOptions options, IpAddress to) => _host.Run(() =>
    {
        using StackBench bench = new(options);
        bench.Send(StackBench.Echo(to, "x"u8));
        byte[] answer = Assert.Single(bench.Received).Bytes;
        return (answer[Message4], answer[Message4 + 1]);
    });

    private static byte[] Echo6(IpAddress to, ReadOnlySpan<byte> data)
    {
        byte[] packet = new byte[40 + 8 + data.Length];
        packet[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)(8 + data.Length));
        (packet[6], packet[7]) = (IpProtocol.Icmp6, 64);
        s_guest6.Write(packet.AsSpan(8));
        to.Write(packet.AsSpan(24));
        Span<byte> message = packet.AsSpan(40);
        message[0] = 128;
        BinaryPrimitives.WriteUInt32BigEndian(message[4..], 0x1234_0001);
        data.CopyTo(message[8..]);
        BinaryPrimitives.WriteUInt16BigEndian(message[2..], Checksum6(s_guest6, to, message));
        return StackBench.Ethernet(EtherType.Ipv6, packet);
    }

    // RFC 8200, 8.1.
    private static ushort Checksum6(IpAddress from, IpAddress to, ReadOnlySpan<byte> message)
    {
        byte[] summed = new byte[40 + message.Length];
        from.Write(summed);
        to.Write(summed.AsSpan(16));
        BinaryPrimitives.WriteInt32BigEndian(summed.AsSpan(32), message.Length);
        summed[39] = IpProtocol.Icmp6;
        message.CopyTo(summed.AsSpan(40));
        return StackBench.Checksum(summed);
    }
}
