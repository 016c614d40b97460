using Doppel.Devices.Backends.Net;
using Doppel.Devices.Backends.Net.User;
using Doppel.Devices.Backends.Net.User.Naming;
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
        byte[][] seeds = FuzzFrames.Seeds();
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

    [Fact]
    public void Seeds_AsTheyAre_AreAnswered()
    {
        using StackBench bench = new(new UserNetworkOptions { Restrict = true, Resolvers = [] });
        foreach (byte[] frame in FuzzFrames.Seeds()) bench.Send(frame);
        Assert.Equal(FuzzFrames.Seeds().Length - FuzzFrames.Unanswered, bench.Received.Count);
    }

    [Theory]
    [InlineData(6)]
    public void DnsResponses_RandomAndMutated_AreValues(int seed)
    {
        output.WriteLine($"seed {seed}, {s_rounds} rounds");
        Random random = new(seed);
        byte[] query = Convert.FromHexString("000701000001000000000000" + "07657861" + "6D706C65036F726700" + "00010001");
        byte[] records = Convert.FromHexString("C00C00010001000000" + "3C0004C0000207" + "C00C001C00010000003C0010" + "20010DB8000000000000000000000001");
        Assert.True(DnsQuestion.TryRead(query, out DnsQuestion question));
        int found = 0;
        for (int i = 0; i < s_rounds; i++)
        {
            byte[] response = [.. query, .. records];
            (response[2], response[7]) = (0x81, (byte)random.Next(4));
            for (int change = random.Next(4); change > 0; change--) response[random.Next(response.Length)] = (byte)random.Next(256);
            response = response[..(random.Next(4) == 0 ? random.Next(response.Length) : response.Length)];
            bool answers = DnsMessage.Answers(response, query, question);
            DnsMessage.ReadAddresses(answers ? response : [.. query], question, (_, _) => found++);
        }
        Assert.InRange(found, s_rounds / 10, 4 * s_rounds);
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
        if (random.Next(4) != 0) FuzzFrames.Repair(frame);
        return frame;
    }
}
