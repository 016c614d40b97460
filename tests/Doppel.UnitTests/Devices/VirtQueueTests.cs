using Doppel.Core.Bus;
using Doppel.Core.Memory;
using Doppel.Devices.Virtio;
using Doppel.Devices.Virtio.Queue;
using Doppel.Devices.Virtio.Transport;

namespace Doppel.UnitTests.Devices;

public sealed class VirtQueueTests : IDisposable
{
    private const ulong Data = VirtioBench.Ram, Tables = VirtioBench.Ram + 0x1_0000;
    private readonly SilentDevice _device = new();
    private readonly VirtioBench _bench;
    private readonly VirtQueueChain _chain;

    public VirtQueueTests()
    {
        _bench = new VirtioBench(_device);
        _chain = new VirtQueueChain(_bench.Memory);
    }

    private VirtQueue Queue => _bench.Transport.Queues[0];

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Pop_ChainOfBoth_SplitsReadableAndWritable()
    {
        DriverQueue driver = Start();
        _bench.Memory.TryWrite(Data, "abcdefgh"u8);
        driver.Add((Data, 3, false), (Data + 4, 4, false), (Data + 0x100, 2, true), (Data + 0x200, 6, true));
        Assert.True(Queue.TryPop(_chain));
        byte[] read = new byte[16];
        Assert.Equal(7, _chain.CopyOut(0, read));
        Assert.Equal("abcefgh"u8, read.AsSpan(0, 7));
        Assert.Equal(3, _chain.CopyOut(2, read.AsSpan(0, 3)));
        Assert.Equal("cef"u8, read.AsSpan(0, 3));
        Assert.Equal((7u, 8u), (_chain.ReadableLength, _chain.WritableLength));
        Assert.Equal(7, _chain.CopyIn(1, "1234567890"u8));
        Assert.Equal("\0" + "1", System.Text.Encoding.ASCII.GetString(_bench.Read(Data + 0x100, 2)));
        Assert.Equal("234567"u8, _bench.Read(Data + 0x200, 6));
        Assert.False(Queue.TryPop(_chain));
    }

    [Fact]
    public void Pop_IndirectTableAfterDirectOnes_IsFollowed()
    {
        DriverQueue driver = Start(VirtioBench.Indirect);
        driver.Describe(Tables, 0, Data + 0x10, 4, 1, 1);
        driver.Describe(Tables, 1, Data + 0x20, 8, 2, 0);
        driver.Describe(driver.Table, 3, Data, 2, 1, 5);
        // The write flag of a descriptor that refers to a table is ignored (2.7.5.3.2).
        driver.Describe(driver.Table, 5, Tables, 32, 4 | 2, 0);
        driver.Publish(3);
        Assert.True(Queue.TryPop(_chain));
        Assert.Equal((6u, 8u), (_chain.ReadableLength, _chain.WritableLength));
    }

    [Fact]
    public void Pop_ZeroLengthBuffers_AreSkipped()
    {
        DriverQueue driver = Start();
        driver.Add((0UL, 0, false), (Data, 4, false), (0UL, 0, true));
        Assert.True(Queue.TryPop(_chain));
        Assert.Equal((4u, 0u), (_chain.ReadableLength, _chain.WritableLength));
    }

    [Fact]
    public void Push_ManyTimes_WrapsTheRings()
    {
        DriverQueue driver = Start();
        for (uint i = 0; i < 100_000; i++)
        {
            ushort head = driver.Add((Data, 4, true));
            Assert.True(Queue.TryPop(_chain));
            Queue.Push(_chain, i);
            Assert.True(driver.TryGetUsed(out uint used, out uint length));
            Assert.Equal((head, i), ((ushort)used, length));
        }
    }

    public static TheoryData<string, Action<DriverQueueHandle>> HostileChains => new()
    {
        { "a buffer lies outside guest memory", q => q.Queue.Add((VirtioBench.Ram + VirtioBench.RamSize - 4, 8, true)) },
        { "a buffer lies outside guest memory", q => q.Queue.Add((ulong.MaxValue - 3, 8, true)) },
        { "a readable buffer follows a writable one", q => q.Queue.Add((Data, 4, true), (Data, 4, false)) },
        { "outside the table", q => q.Queue.Publish(16) },
        { "a descriptor chain loops", q => Loop(q.Queue) },
        { "a next one outside its table", q => Publish(q.Queue, Data, 4, 1, 16) },
        { "an indirect descriptor is not valid", q => Publish(q.Queue, Tables, 24, 4, 0) },
        { "an indirect descriptor is not valid", q => Publish(q.Queue, Tables, 0, 4, 0) },
        { "an indirect descriptor is not valid", q => Publish(q.Queue, Tables, 16, 4 | 1, 0) },
        { "an indirect descriptor is not valid", q => Publish(q.Queue, Tables, 16 * 1025, 4, 0) },
        { "an indirect descriptor is not valid", q => Nest(q.Queue) },
        { "a descriptor table lies outside guest memory", q => Publish(q.Queue, 0x1000, 16, 4, 0) },
        { "runs ahead of the queue", q => Enumerable.Range(0, 17).ToList().ForEach(_ => q.Queue.Publish(0)) },
    };

    [Theory]
    [MemberData(nameof(HostileChains), DisableDiscoveryEnumeration = true)]
    public void Pop_HostileChain_BreaksTheQueueWithAReason(string reason, Action<DriverQueueHandle> act)
    {
        DriverQueue driver = Start(VirtioBench.Indirect);
        act(new DriverQueueHandle(driver));
        Assert.False(Queue.TryPop(_chain));
        Assert.Contains(reason, Assert.Single(_bench.Log), StringComparison.Ordinal);
        Assert.False(Queue.TryPop(_chain));
        Assert.NotEqual(0u, _bench.Status & 64);
    }

    [Fact]
    public void Pop_IndirectNotNegotiated_BreaksTheQueue()
    {
        DriverQueue driver = Start();
        Publish(driver, Tables, 16, 4, 0);
        Assert.False(Queue.TryPop(_chain));
        Assert.NotEqual(0u, _bench.Status & 64);
    }

    [Fact]
    public void Pop_MoreThanFourGigabytes_BreaksTheQueue()
    {
        using VirtioBench bench = new(new SilentDevice());
        GuestMemory big = new(new RamRegion(0, 3UL << 30, ReadOnly: false, "big"));
        using GuestMemory owned = big;
        List<string> log = [];
        VirtioMmioTransport transport = new(new SilentDevice(), IrqLine.CreateUnconnected(), big, log.Add);
        transport.Write32(0x070, 3);
        transport.Write32(0x024, 1);
        transport.Write32(0x020, 1);
        transport.Write32(0x070, 11);
        DriverQueue driver = new(big, transport, 0, 16, 0x1000);
        transport.Write32(0x070, 15);
        driver.Add((0UL, int.MaxValue, true), (0UL, int.MaxValue, true), (0UL, int.MaxValue, true));
        Assert.False(transport.Queues[0].TryPop(new VirtQueueChain(big)));
        Assert.Contains("longer than 4 GiB", Assert.Single(log), StringComparison.Ordinal);
    }

    [Fact]
    public void Rings_OutsideGuestMemory_BreakTheQueue()
    {
        _bench.Negotiate(VirtioBench.Version1);
        _ = new DriverQueue(_bench.Memory, _bench.Transport, 0, 16, 0x4000_0000);
        _bench.Start();
        Assert.False(Queue.TryPop(_chain));
        Assert.NotEqual(0u, _bench.Status & 64);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void NeedsSignal_WithoutEventIndex_FollowsTheFlag(ushort flags, bool expected)
    {
        DriverQueue driver = Start();
        _bench.Memory.TryWrite(driver.Available, flags);
        PopAndPush(driver);
        Assert.Equal(expected, Queue.NeedsSignal());
    }

    [Fact]
    public void NeedsSignal_WithEventIndex_OnlyWhenTheWantedElementIsPassed()
    {
        DriverQueue driver = Start(VirtioBench.EventIndex);
        ulong usedEvent = driver.Available + 4 + (2UL * driver.Size);
        List<bool> signals = [];
        // The driver wants to hear of the element with index 2, and then of that with index 3.
        ushort[] wanted = [2, 2, 2, 2, 4];
        foreach (ushort index in wanted)
        {
            _bench.Memory.TryWrite(usedEvent, index);
            PopAndPush(driver);
            signals.Add(Queue.NeedsSignal());
        }
        // The first is always signalled: nothing is known of what the driver saw.
        Assert.Equal([true, false, true, false, true], signals);
    }

    [Fact]
    public void Notifications_WithoutEventIndex_SetTheFlag()
    {
        DriverQueue driver = Start();
        Queue.DisableNotifications();
        Assert.Equal(1, _bench.Read(driver.Used, 1)[0]);
        driver.Add((Data, 4, true));
        Assert.False(Queue.EnableNotifications());
        Assert.Equal(0, _bench.Read(driver.Used, 1)[0]);
    }

    [Fact]
    public void Notifications_WithEventIndex_SetTheIndex()
    {
        DriverQueue driver = Start(VirtioBench.EventIndex);
        PopAndPush(driver);
        Assert.True(Queue.EnableNotifications());
        Assert.Equal(1, _bench.Read(driver.Used + 4 + (8UL * driver.Size), 1)[0]);
    }

    [Fact]
    public void Push_AfterAReset_TouchesNothing()
    {
        DriverQueue driver = Start(VirtioBench.RingReset);
        driver.Add((Data, 4, true));
        Assert.True(Queue.TryPop(_chain));
        _bench.Transport.Write32(0x0C0, 1);
        DriverQueue again = _bench.CreateQueue(0);
        Queue.Push(_chain, 4);
        Assert.False(again.TryGetUsed(out _, out _));
    }

    private static void Publish(DriverQueue queue, ulong address, uint length, int flags, int next)
    {
        queue.Describe(queue.Table, 0, address, length, flags, next);
        queue.Publish(0);
    }

    private static void Loop(DriverQueue queue)
    {
        queue.Describe(queue.Table, 0, Data, 4, 1, 1);
        queue.Describe(queue.Table, 1, Data, 4, 1, 0);
        queue.Publish(0);
    }

    private static void Nest(DriverQueue queue)
    {
        queue.Describe(Tables, 0, Tables, 16, 4, 0);
        Publish(queue, Tables, 16, 4, 0);
    }

    private void PopAndPush(DriverQueue driver)
    {
        driver.Add((Data, 4, true));
        Assert.True(Queue.TryPop(_chain));
        Queue.Push(_chain, 4);
    }

    private DriverQueue Start(ulong features = 0)
    {
        _bench.Negotiate(VirtioBench.Version1 | features);
        DriverQueue queue = _bench.CreateQueue(0);
        _bench.Start();
        return queue;
    }

    /// <summary>Lets an internal type stand in the signature of a test.</summary>
    public sealed class DriverQueueHandle
    {
        internal DriverQueueHandle(DriverQueue queue) => Queue = queue;

        internal DriverQueue Queue { get; }
    }

    /// <summary>A device with one queue that never touches it: the test does.</summary>
    private sealed class SilentDevice : IVirtioDevice
    {
        public uint DeviceId => 42;

        public ulong Features => 0;

        public IReadOnlyList<ushort> QueueSizes { get; } = [16];

        public uint ConfigGeneration => 0;

        public void Attach(IVirtioTransport transport)
        {
        }

        public void ReadConfig(uint offset, Span<byte> data) => data.Clear();

        public void WriteConfig(uint offset, ReadOnlySpan<byte> data)
        {
        }

        public void Activate(ulong features)
        {
        }

        public void Notify(int queue)
        {
        }

        public void Reset()
        {
        }

        public void Dispose()
        {
        }
    }
}
