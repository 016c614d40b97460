using Doppel.Devices.Virtio.Block;

namespace Doppel.UnitTests.Devices.Block;

/// <summary>Limits of rates, in time that the test moves.</summary>
public sealed class BlockThrottleTests
{
    private const long Second = 1_000_000_000;

    private readonly ManualTime _time = new(deterministic: true);
    private readonly FakeDisk _disk = new();

    [Fact]
    public void Requests_FasterThanTheirRate_AreSpreadOverTime()
    {
        using BlockBench bench = Open(new BlockRates { Requests = 10, BurstSeconds = 0 });
        Submit(bench, 30, BlockBench.Read);
        Assert.Single(bench.TakeDone());
        _time.Advance(Second);
        Assert.InRange(bench.TakeDone().Count, 9, 10);
        _time.Advance(2 * Second);
        Assert.InRange(bench.TakeDone().Count, 19, 20);
    }

    [Fact]
    public void Requests_AfterRest_MayBurst()
    {
        using BlockBench bench = Open(new BlockRates { Requests = 10, BurstSeconds = 2 });
        Submit(bench, 50, BlockBench.Write);
        Assert.Equal(20, bench.TakeDone().Count);
        _time.Advance(Second);
        Assert.InRange(bench.TakeDone().Count, 9, 10);
        _time.Advance(100 * Second);
        Assert.InRange(bench.TakeDone().Count, 20, 21);
        Submit(bench, 30, BlockBench.Write);
        Assert.Equal(20, bench.TakeDone().Count);
    }

    [Fact]
    public void Bytes_FasterThanTheirRate_AreSpreadOverTimeWhateverTheSizes()
    {
        using BlockBench bench = Open(new BlockRates { Bytes = 40960, BurstSeconds = 0 });
        for (int slot = 0; slot < 40; slot++) bench.Submit(0, slot, (uint)(slot % 2), 0, slot % 4 == 0 ? 4096 : 1024);
        _time.Advance(Second);
        ulong first = Moved(bench);
        Assert.InRange(first, 40960UL - 4096, 40960UL + 4096);
        _time.Advance(Second);
        Assert.Equal(40 * 1792UL, Moved(bench));
    }

    [Fact]
    public void Writes_AtTheirLimit_AreNotInTheWayOfReadsAndFlushes()
    {
        using BlockBench bench = Open(new BlockRates { Writes = 1, BurstSeconds = 0 });
        Submit(bench, 5, BlockBench.Write);
        Assert.Single(bench.TakeDone());
        bench.Submit(0, 10, BlockBench.Read);
        bench.Submit(0, 11, BlockBench.Flush, bytes: 0);
        Assert.Equal([10, 11], bench.TakeDone());
        _time.Advance(10 * Second);
        Assert.Equal(4, bench.TakeDone().Count);
    }

    [Fact]
    public void Reads_AtTheirLimit_AreNotInTheWayOfWrites()
    {
        using BlockBench bench = Open(new BlockRates { ReadBytes = 4096, BurstSeconds = 0 });
        Submit(bench, 3, BlockBench.Read);
        Assert.Single(bench.TakeDone());
        bench.Submit(0, 10, BlockBench.Write);
        Assert.Equal([10], bench.TakeDone());
    }

    [Fact]
    public void Reset_WithRequestsHeldBack_ForgetsThem()
    {
        using BlockBench bench = Open(new BlockRates { Requests = 1, BurstSeconds = 0 });
        Submit(bench, 10, BlockBench.Write);
        bench.Reset();
        _time.Advance(100 * Second);
        Assert.Equal(1, _disk.CountOf(DiskCall.Write));
        bench.Start();
        bench.Submit(0, 0, BlockBench.Write);
        Assert.Equal([0], bench.TakeDone());
    }

    [Fact]
    public void Requests_HeldBackInRealTime_AreServedByTheWorkersLater()
    {
        ManualTime time = new();
        using BlockBench bench = new(_disk, new VirtioBlockOptions { Rates = new BlockRates { Reads = 4, BurstSeconds = 0 } }, time);
        Submit(bench, 20, BlockBench.Read);
        bench.WaitForDone(1);
        time.Advance(10 * Second);
        Assert.Equal(19, bench.WaitForDone(19).Count);
    }

    private static ulong Moved(BlockBench bench) => bench.Counters.Reads.Bytes + bench.Counters.Writes.Bytes;

    private static void Submit(BlockBench bench, int count, uint type)
    {
        for (int slot = 0; slot < count; slot++) bench.Add(0, slot, type, 0);
        bench.Notify();
    }

    private BlockBench Open(BlockRates rates) => new(_disk, new VirtioBlockOptions { Rates = rates }, _time);
}
