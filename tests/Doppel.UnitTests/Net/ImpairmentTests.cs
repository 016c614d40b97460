using Doppel.Devices.Backends.Net;
using Doppel.UnitTests.Devices;

namespace Doppel.UnitTests.Net;

public sealed class ImpairmentTests
{
    private const long Ms = 1_000_000;
    private readonly ManualTime _time = new();
    private readonly List<(long AtNs, byte[] Bytes)> _left = [];

    [Fact]
    public void Delay_Frame_ArrivesExactlyThen()
    {
        using NetImpairment network = Create(new() { Delay = TimeSpan.FromMilliseconds(20) });
        network.Transmit([1], default);
        _time.Advance(19 * Ms);
        Assert.Empty(_left);
        _time.Advance(2 * Ms);
        Assert.Equal(20 * Ms, Assert.Single(_left).AtNs);
    }

    [Fact]
    public void Jitter_ManyFrames_StayWithinItAndInOrder()
    {
        using NetImpairment network = Create(new() { Delay = TimeSpan.FromMilliseconds(20), Jitter = TimeSpan.FromMilliseconds(5) });
        List<long> sent = Send(network, 200, everyNs: Ms);
        Assert.Equal(Enumerable.Range(0, 200), _left.Select(static l => (int)l.Bytes[0]));
        Assert.All(_left.Zip(sent), pair => Assert.InRange(pair.First.AtNs - pair.Second, 15 * Ms, 25 * Ms));
        Assert.True(_left.Zip(sent, static (l, s) => l.AtNs - s).Distinct().Count() > 50, "there is no jitter");
    }

    [Theory]
    [InlineData(0.0, 1000, 1000)]
    [InlineData(0.1, 850, 950)]
    [InlineData(1.0, 0, 0)]
    public void Loss_OfAThousandFrames_IsAsMuchAsAskedFor(double loss, int least, int most)
    {
        using NetImpairment network = Create(new() { Loss = loss, Delay = TimeSpan.FromTicks(1) });
        Send(network, 1000, everyNs: Ms);
        Assert.InRange(_left.Count, least, most);
    }

    [Fact]
    public void Duplicate_Always_SendsEachTwice()
    {
        using NetImpairment network = Create(new() { Duplicate = 1 });
        Send(network, 10, everyNs: Ms);
        Assert.Equal(Enumerable.Range(0, 10).SelectMany(static i => new[] { i, i }), _left.Select(static l => (int)l.Bytes[0]));
    }

    [Fact]
    public void Reorder_Some_OvertakeOthers()
    {
        using NetImpairment network = Create(new() { Reorder = 0.2, Delay = TimeSpan.FromMilliseconds(10) });
        Send(network, 100, everyNs: Ms);
        int[] order = [.. _left.Select(static l => (int)l.Bytes[0])];
        Assert.Equal(Enumerable.Range(0, 100), order.Order());
        Assert.InRange(order.Zip(order.Skip(1)).Count(static p => p.First > p.Second), 5, 40);
    }

    [Fact]
    public void Rate_ManyFramesAtOnce_LeaveOneAfterTheOther()
    {
        using NetImpairment network = Create(new() { BitsPerSecond = 8_000_000 });
        for (int i = 0; i < 10; i++) network.Transmit(new byte[1000], default);
        _time.Advance(100 * Ms);
        Assert.Equal(Enumerable.Range(1, 10).Select(static i => i * Ms), _left.Select(static l => l.AtNs));
    }

    [Fact]
    public void Rate_FramesForHours_FillTheQueueAndNoMore()
    {
        using NetImpairment network = Create(new() { BitsPerSecond = 1000 });
        for (int i = 0; i < 5000; i++) network.Transmit(new byte[1000], default);
        _time.Advance(3600L * 24 * 1000 * Ms);
        Assert.Equal(1000, _left.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Seed_Same_GivesTheSameFate(ulong seed)
    {
        NetImpairmentOptions options = new() { Loss = 0.3, Duplicate = 0.2, Reorder = 0.2, Delay = TimeSpan.FromMilliseconds(3), Jitter = TimeSpan.FromMilliseconds(2), Seed = seed };
        (long, byte)[] first = Fate(options), second = Fate(options), other = Fate(options with { Seed = seed + 100 });
        Assert.Equal(first, second);
        Assert.NotEqual(first, other);
    }

    [Fact]
    public void Receive_GuestWithoutRoom_GetsItOnceItHasSome()
    {
        LoopbackNetBackend cable = new(static (ReadOnlySpan<byte> _, in NetOffload _) => { }, NetCapabilities.All);
        using NetImpairment network = new(cable, new() { Delay = TimeSpan.FromMilliseconds(1) }, _time);
        FullGuest guest = new();
        network.Attach(guest);
        Assert.True(cable.TrySend([1]));
        Assert.True(cable.TrySend([2]));
        _time.Advance(5 * Ms);
        Assert.Empty(guest.Taken);
        guest.HasRoom = true;
        network.ReceiveReady();
        _time.Advance(Ms);
        Assert.Equal([1, 2], guest.Taken);
    }

    [Fact]
    public void Capabilities_OfABadNetwork_LeaveNothingToCut()
    {
        using NetImpairment network = Create(new() { Loss = 0.1 });
        Assert.Equal(new NetCapabilities(true, false, false, false, 1500), network.Capabilities);
    }

    private (long, byte)[] Fate(NetImpairmentOptions options)
    {
        using NetImpairment network = Create(options);
        long start = _time.NowNs;
        _left.Clear();
        Send(network, 100, everyNs: Ms);
        return [.. _left.Select(l => (l.AtNs - start, l.Bytes[0]))];
    }

    private NetImpairment Create(NetImpairmentOptions options)
    {
        LoopbackNetBackend cable = new((ReadOnlySpan<byte> frame, in NetOffload _) => _left.Add((_time.NowNs, frame.ToArray())), NetCapabilities.All);
        NetImpairment network = new(cable, options, _time);
        network.Attach(new FullGuest());
        return network;
    }

    private List<long> Send(NetImpairment network, int count, long everyNs)
    {
        List<long> sent = [];
        for (int i = 0; i < count; i++)
        {
            sent.Add(_time.NowNs);
            network.Transmit([(byte)i], default);
            _time.Advance(everyNs);
        }
        _time.Advance(1000 * Ms);
        return sent;
    }

    private sealed class FullGuest : INetReceiver
    {
        internal bool HasRoom { get; set; }

        internal List<byte> Taken { get; } = [];

        public NetCapabilities Capabilities => NetCapabilities.All;

        public bool TryReceive(ReadOnlySpan<byte> frame, in NetOffload offload)
        {
            if (HasRoom) Taken.Add(frame[0]);
            return HasRoom;
        }
    }
}
