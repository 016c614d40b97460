using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Devices.Backends.Net.User.Tcp;

namespace Doppel.UnitTests.Devices.UserNet;

public sealed class TcpTests
{
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(1);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void Stream_LossReorderDuplication_BytesInAreBytesOut(int seed)
    {
        Random random = new(seed);
        byte[] down = new byte[random.Next(1, 300_000)], up = new byte[random.Next(1, 300_000)];
        random.NextBytes(down);
        random.NextBytes(up);
        using TcpBench bench = new(c => new MemoryRemote(c, down));
        MiniTcp guest = new(up);
        BadCable toGuest = new(random), fromGuest = new(random);
        fromGuest.Put(guest.Syn());
        int quiet = 0, ticks = 0;
        for (; !(guest.AllAcknowledged && guest.PeerEnded) && ticks < 600_000; ticks++)
        {
            foreach (byte[] frame in fromGuest.Take()) bench.Send(frame);
            bench.Advance(s_tick);
            while (bench.Received.TryDequeue(out byte[]? frame)) toGuest.Put(frame);
            List<byte[]> answers = [.. toGuest.Take().SelectMany(guest.Input)];
            quiet = answers.Count == 0 ? quiet + 1 : 0;
            if (quiet >= 300) answers.AddRange(guest.TimeOut());
            if (quiet >= 300) quiet = 0;
            answers.ForEach(fromGuest.Put);
        }
        Assert.True(up.AsSpan().SequenceEqual(bench.Remotes[0].Received.ToArray()), $"seed {seed}: upload differs after {ticks} ms");
        Assert.True(down.AsSpan().SequenceEqual(guest.Received.ToArray()), $"seed {seed}: download differs after {ticks} ms");
        Assert.True(bench.Remotes[0].Ended);
    }

    [Fact]
    public void Connection_ClosedByBothSides_LeavesNothingBehind()
    {
        using TcpBench bench = new(static c => new MemoryRemote(c, new byte[5000]));
        MiniTcp guest = bench.Connect(new byte[3000]);
        while (bench.Received.TryDequeue(out byte[]? frame)) guest.Input(frame).ForEach(bench.Send);
        Assert.True(guest.AllAcknowledged && guest.PeerEnded);
        Assert.Equal(5000, guest.Received.Count);
        Assert.False(bench.Remotes[0].ClosedByReset);
        bench.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(0, bench.Table.Count);
        Assert.Equal(0, bench.Context.Pages.InUse);
        Assert.Equal(long.MaxValue, bench.Context.Alarms.Next);
    }

    [Fact]
    public void Syn_RemoteNotConnectedYet_IsAnsweredWhenItIs()
    {
        using TcpBench bench = new(static c => new MemoryRemote(c, [])) { Connects = false };
        MiniTcp guest = new([]);
        bench.Send(guest.Syn());
        Assert.Empty(bench.Received);
        bench.Remotes[0].Connection.RemoteConnected();
        Assert.Equal(TcpFlags.Syn | TcpFlags.Ack, bench.Next().Flags);
    }

    [Fact]
    public void Syn_Flood_IsBounded()
    {
        using TcpBench bench = new(static c => new MemoryRemote(c, [])) { Connects = false };
        for (int port = 1; port < 20_000; port++) bench.Send(new MiniTcp([], (ushort)port).Syn());
        Assert.Equal(512, bench.Table.Count);
        Assert.Equal(512, bench.Table.HalfOpen);
        Assert.Equal(0, bench.Context.Pages.InUse);
    }

    [Fact]
    public void SynReceived_GuestSilent_GivesUp()
    {
        using TcpBench bench = new(static c => new MemoryRemote(c, []));
        bench.Send(new MiniTcp([]).Syn());
        for (int i = 0; i < 200; i++) bench.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, bench.Table.Count);
        Assert.Equal(0, bench.Table.HalfOpen);
        Assert.InRange(bench.Received.Count, 3, 10);
    }

    [Fact]
    public void Data_NotAcknowledged_IsSentAgainEachTimeLater()
    {
        using TcpBench bench = new(static c => new MemoryRemote(c, new byte[500]));
        bench.Connect();
        List<double> times = [];
        for (int ms = 0; ms < 20_000; ms++)
        {
            while (bench.Received.Count > 0)
            {
                if (bench.Next().Payload.Length > 0) times.Add(ms);
            }
            bench.Advance(s_tick);
        }
        double[] waits = [.. times.Zip(times.Skip(1), static (a, b) => b - a)];
        Assert.InRange(waits[0], 200, 1100);
        Assert.All(waits.Zip(waits.Skip(1)), static w => Assert.InRange(w.Second / w.First, 1.8, 2.2));
    }

    [Fact]
    public void DuplicateAcknowledgments_Three_RepairAtOnce()
    {
        using TcpBench bench = new(static c => new MemoryRemote(c, new byte[100_000]));
        MiniTcp guest = bench.Connect();
        uint first = bench.Next().Sequence;
        bench.Received.Clear();
        for (int i = 0; i < 2; i++) bench.Send(guest.Ack());
        Assert.DoesNotContain(first, Sequences(bench));
        bench.Send(guest.Ack());
        Assert.Contains(first, Sequences(bench));
    }

    [Fact]
    public void Window_OfTheGuest_IsNeverExceeded()
    {
        using TcpBench bench = new(static c => new MemoryRemote(c, new byte[1_000_000]));
        MiniTcp guest = bench.Connect(window: 5000);
        uint limit = guest.PeerNext + 5000;
        Assert.NotEmpty(bench.Received);
        Assert.All(Enumerable.Range(0, bench.Received.Count).Select(_ => bench.Next()), s => Assert.True((int)(s.Sequence + (uint)s.Payload.Length - limit) <= 0));
    }

    [Fact]
    public void Window_OfZero_IsProbedUntilItOpens()
    {
        using TcpBench bench = new(static c => new MemoryRemote(c, new byte[5000]));
        MiniTcp guest = bench.Connect(window: 0);
        Assert.All(Enumerable.Range(0, bench.Received.Count).Select(_ => bench.Next()), static s => Assert.Empty(s.Payload));
        for (int i = 0; i < 300; i++)
        {
            bench.Advance(TimeSpan.FromSeconds(1));
            while (bench.Received.Count > 0)
            {
                TcpSegmentCopy probe = bench.Next();
                Assert.Empty(probe.Payload);
                Assert.Equal(guest.PeerNext - 1, probe.Sequence);
                bench.Send(guest.Ack());
            }
        }
        Assert.Equal(1, bench.Table.Count);
        guest.Window = 60000;
        bench.Send(guest.Ack());
        while (bench.Received.TryDequeue(out byte[]? frame)) guest.Input(frame).ForEach(bench.Send);
        Assert.Equal(5000, guest.Received.Count);
    }

    [Fact]
    public void Remote_TakesNothing_GuestIsHeldBackAndGoesOn()
    {
        byte[] up = new byte[3_000_000];
        new Random(1).NextBytes(up);
        using TcpBench bench = new(static c => new MemoryRemote(c, []) { Room = 0, Ends = false });
        MiniTcp guest = bench.Connect(up);
        for (int i = 0; i < 20_000; i++)
        {
            while (bench.Received.TryDequeue(out byte[]? frame)) guest.Input(frame).ForEach(bench.Send);
            if (i % 300 == 0) guest.TimeOut().ForEach(bench.Send);
            bench.Advance(s_tick);
        }
        Assert.InRange(bench.Context.Pages.InUse, 1, 34);
        Assert.Empty(bench.Remotes[0].Received);
        bench.Remotes[0].Room = int.MaxValue;
        bench.Remotes[0].Connection.RemoteReady();
        bench.Advance(s_tick);
        while (bench.Received.TryDequeue(out byte[]? frame)) guest.Input(frame).ForEach(bench.Send);
        Assert.True(up.AsSpan().SequenceEqual(bench.Remotes[0].Received.ToArray()));
    }

    [Fact]
    public void Reset_OfTheGuest_IsBelievedOnlyIfExact()
    {
        using TcpBench bench = new(static c => new MemoryRemote(c, []) { Ends = false });
        MiniTcp guest = bench.Connect("x"u8.ToArray());
        bench.Send(guest.Make(guest.Next + 100, TcpFlags.Rst));
        Assert.Equal(1, bench.Table.Count);
        Assert.Contains(bench.Received, static _ => true);
        bench.Send(guest.Make(guest.Next, TcpFlags.Rst));
        Assert.Equal(0, bench.Table.Count);
        Assert.True(bench.Remotes[0].ClosedByReset);
    }

    [Fact]
    public void Segment_OfNoConnection_IsReset()
    {
        using TcpBench bench = new(static c => new MemoryRemote(c, []));
        bench.Send(new MiniTcp([]).Make(5, TcpFlags.Ack, "abc"u8));
        Assert.True((bench.Next().Flags & TcpFlags.Rst) != 0);
        bench.Send(new MiniTcp([]).Make(5, TcpFlags.Rst));
        Assert.Empty(bench.Received);
    }

    [Fact]
    public void Guest_SilentForHours_IsAskedAndThenGivenUp()
    {
        using TcpBench bench = new(static c => new MemoryRemote(c, []) { Ends = false });
        bench.Connect("x"u8.ToArray());
        bench.Advance(TimeSpan.FromHours(1.9));
        bench.Received.Clear();
        for (int i = 0; i < 20; i++) bench.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(10, bench.Received.Count);
        Assert.Equal(0, bench.Table.Count);
        Assert.True(bench.Remotes[0].ClosedByReset);
    }

    [Fact]
    public void ClientOfAPublishedPort_GuestBootsLate_SynIsRepeatedUntilAnswered()
    {
        using TcpBench bench = new(static c => new MemoryRemote(c, "hello"u8.ToArray()));
        FlowKey key = new(StackBench.Guest, 40000, StackBench.Host, 80);
        Assert.True(bench.Table.TryOpen(key, c => new MemoryRemote(c, "hello"u8.ToArray())));
        for (int i = 0; i < 20; i++) bench.Advance(TimeSpan.FromSeconds(1));
        Assert.InRange(bench.Received.Count, 10, 30);
        MiniTcp guest = new([]);
        guest.Input(bench.Received.Dequeue());
        bench.Received.Clear();
        bench.Send(guest.Make(1000, TcpFlags.Syn | TcpFlags.Ack));
        Assert.Contains(Enumerable.Range(0, bench.Received.Count).Select(_ => bench.Next()), static s => s.Payload.AsSpan().SequenceEqual("hello"u8));
    }

    private static List<uint> Sequences(TcpBench bench)
        => [.. Enumerable.Range(0, bench.Received.Count).Select(_ => bench.Next()).Where(static s => s.Payload.Length > 0).Select(static s => s.Sequence)];

    /// <summary>Frames stay in it for a while; some for ever, some twice, some longer than those that come later.</summary>
    private sealed class BadCable(Random random)
    {
        private readonly List<(byte[] Frame, int Wait)> _frames = [];

        internal void Put(byte[] frame)
        {
            double dice = random.NextDouble();
            if (dice < 0.03) return;
            _frames.Add((frame, dice < 0.1 ? random.Next(20) : 2));
            if (dice > 0.97) _frames.Add((frame, random.Next(20)));
        }

        internal List<byte[]> Take()
        {
            List<byte[]> due = [.. _frames.Where(static f => f.Wait <= 0).Select(static f => f.Frame)];
            _frames.RemoveAll(static f => f.Wait <= 0);
            for (int i = 0; i < _frames.Count; i++) _frames[i] = (_frames[i].Frame, _frames[i].Wait - 1);
            return due;
        }
    }
}
