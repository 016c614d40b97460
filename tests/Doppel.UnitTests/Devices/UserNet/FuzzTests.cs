using Doppel.Devices.Backends.Net;
using Doppel.Devices.Backends.Net.User;
using Doppel.Devices.Backends.Net.User.Packets;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>A hostile guest: nothing that it sends is an exception, and nothing makes the network hold more than its bounds.</summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    private static readonly int s_rounds = int.Parse(Environment.GetEnvironmentVariable("DOPPEL_FUZZ_ROUNDS") ?? "20000");

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Frames_RandomAndMutated_AreValues(int seed)
    {
        output.WriteLine($"seed {seed}, {s_rounds} rounds");
        Random random = new(seed);
        // Nothing leaves the host: all that is not ours is prohibited.
        using StackBench bench = new(new UserNetworkOptions { Restrict = true, Resolvers = [] });
        byte[][] seeds = Seeds();
        for (int i = 0; i < s_rounds; i++)
        {
            byte[] frame = random.Next(10) == 0 ? Random(random) : Mutate(random, (byte[])seeds[random.Next(seeds.Length)].Clone());
            NetOffload offload = random.Next(2) == 0 ? default : new(true, 34, 16, (NetSegmentation)random.Next(4), (ushort)random.Next(2000), 54, false);
            bench.HasBuffers = random.Next(4) != 0;
            bench.Send(frame, offload);
            if (random.Next(50) == 0) bench.Advance(TimeSpan.FromMilliseconds(random.Next(5000)));
            if (random.Next(100) == 0) bench.Received.Clear();
        }
        AssertBounded(bench);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public void TcpSegments_RandomOnOpenConnections_AreValues(int seed)
    {
        output.WriteLine($"seed {seed}, {s_rounds} rounds");
        Random random = new(seed);
        using TcpBench bench = new(c => new MemoryRemote(c, new byte[random.Next(200_000)]) { Room = random.Next(100_000), Ends = random.Next(2) == 0 });
        MiniTcp guest = bench.Connect(new byte[5000]);
        for (int i = 0; i < s_rounds; i++)
        {
            uint sequence = guest.Next + (uint)(random.Next(8) == 0 ? random.Next() : random.Next(-3000, 70_000));
            guest.Window = (ushort)random.Next(65536);
            TcpFlags flags = random.Next(20) == 0 ? (TcpFlags)random.Next(32) : TcpFlags.Ack;
            byte[] options = new byte[4 * random.Next(10)];
            random.NextBytes(options);
            bench.Send(guest.Make(sequence, flags, new byte[random.Next(1400)], options));
            while (bench.Received.TryDequeue(out byte[]? frame)) Feed(random, bench, guest, frame);
            if (random.Next(20) == 0) bench.Advance(TimeSpan.FromMilliseconds(random.Next(3000)));
            if (bench.Table.Count == 0) guest = bench.Connect(new byte[5000]);
        }
        Assert.InRange(bench.Context.Pages.InUse, 0, 80);
        bench.Table.Clear();
        Assert.Equal(0, bench.Context.Pages.InUse);
    }

    private static void Feed(Random random, TcpBench bench, MiniTcp guest, byte[] frame)
    {
        foreach (byte[] answer in guest.Input(frame))
        {
            if (random.Next(3) == 0) bench.Send(answer);
        }
        bench.Received.Clear();
    }

    private static void AssertBounded(StackBench bench)
    {
        Assert.InRange(bench.Network.Tcp.Count, 0, 512);
        Assert.InRange(bench.Network.Udp.Count, 0, 1024);
        Assert.InRange(bench.Network.Dns.Pending, 0, 256);
        Assert.InRange(bench.Network.Context.Pages.InUse, 0, 4096);
        // And it still works.
        bench.HasBuffers = true;
        bench.Step();
        bench.Received.Clear();
        bench.Send(StackBench.Echo(StackBench.Host, "alive"u8));
        Assert.Single(bench.Received);
    }

    private static byte[] Random(Random random)
    {
        byte[] frame = new byte[random.Next(200)];
        random.NextBytes(frame);
        return frame;
    }

    // Some frames keep their checksums broken, the others are repaired, so that what lies behind is reached.
    private static byte[] Mutate(Random random, byte[] frame)
    {
        for (int i = random.Next(6); i > 0; i--) frame[random.Next(12, frame.Length)] = (byte)random.Next(256);
        if (random.Next(4) == 0) frame = frame[..random.Next(frame.Length)];
        return Repair(frame);
    }

    private static byte[] Repair(byte[] frame)
    {
        if (frame.Length < 34 || frame[12] != 8 || frame[13] != 0) return frame;
        int header = Math.Clamp((frame[14] & 15) * 4, 20, frame.Length - 14);
        frame[24] = frame[25] = 0;
        ushort sum = StackBench.Checksum(frame.AsSpan(14, header));
        frame[24] = (byte)(sum >> 8);
        frame[25] = (byte)sum;
        return frame;
    }

    private static byte[][] Seeds()
    {
        byte[] dhcp = new byte[300];
        Convert.FromHexString("010106").CopyTo(dhcp, 0);
        Convert.FromHexString("63825363350103" + "3204" + "0A00020F" + "0C03616263" + "FF").CopyTo(dhcp, 236);
        byte[] dns = Convert.FromHexString("000701000001000000000000" + "04686F737406646F7070656C08696E7465726E616C00" + "00010001");
        byte[] v6 = Convert.FromHexString("6000000000183AFF" + "FEC00000000000000000000000000015" + "FF0200000000000000000001FF000002" + "8700000000000000" + "FEC00000000000000000000000000002");
        byte[] arp = Convert.FromHexString("0001080006040001525400123456" + "0A00020F" + "000000000000" + "0A000202");
        MiniTcp tcp = new([]);
        return
        [
            StackBench.Ethernet(EtherType.Arp, arp, MacAddress.Broadcast), StackBench.Ethernet(EtherType.Ipv6, v6),
            StackBench.Udp(new(StackBench.Ip("255.255.255.255"), 67), 68, dhcp, StackBench.Ip("0.0.0.0")),
            StackBench.Udp(new(StackBench.Dns, 53), 4000, dns), StackBench.Udp(new(StackBench.Ip("192.0.2.1"), 9), 4001, new byte[100]),
            StackBench.Echo(StackBench.Host, new byte[64]), StackBench.Echo(StackBench.Ip("192.0.2.1"), new byte[64]),
            StackBench.Ipv4(StackBench.Host, IpProtocol.Udp, new byte[64], fragment: 0x2000), StackBench.Ipv4(StackBench.Host, IpProtocol.Udp, new byte[64], fragment: 8),
            tcp.Syn(), tcp.Make(5, TcpFlags.Ack, new byte[100]), tcp.Make(5, TcpFlags.Syn, default, [2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 0, 0]),
            StackBench.Ipv4(StackBench.Dns, IpProtocol.Tcp, tcp.Syn().AsSpan(34)),
        ];
    }
}
