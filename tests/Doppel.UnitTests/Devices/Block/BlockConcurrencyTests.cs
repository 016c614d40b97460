using Doppel.Devices.Virtio.Block;

namespace Doppel.UnitTests.Devices.Block;

/// <summary>Many requests at once: what may overtake what, and what a reset waits for.</summary>
public sealed class BlockConcurrencyTests
{
    private const int SectorsOfSlot = BlockBench.SlotBytes / 512;

    [Fact]
    public void Read_ThatIsSlow_IsOvertakenByOthers()
    {
        using FakeDisk disk = new() { Holds = static (call, offset) => call == DiskCall.Read && offset == 0 };
        using BlockBench bench = new(disk);
        for (int slot = 0; slot < 6; slot++) bench.Add(0, slot, BlockBench.Read, (ulong)(slot * SectorsOfSlot));
        bench.Notify();
        Assert.Equal([1, 2, 3, 4, 5], bench.WaitForDone(5).Order());
        Assert.Equal(0xFF, bench.Status(0));
        disk.LetGo();
        Assert.Equal([0], bench.WaitForDone(1));
        Assert.Equal(0, bench.Status(0));
    }

    [Fact]
    public void Reads_AllSlow_AreUnderWayTogether()
    {
        using FakeDisk disk = new() { Holds = static (_, _) => true };
        using BlockBench bench = new(disk);
        for (int slot = 0; slot < 20; slot++) bench.Submit(0, slot, BlockBench.Read);
        disk.WaitForBegun(8);
        Assert.Empty(bench.TakeDone());
        disk.LetGo();
        Assert.Equal(20, bench.WaitForDone(20).Count);
        Assert.Equal(8, disk.MostAtOnce);
    }

    [Fact]
    public void Requests_BackEndOfOneThread_AreNeverTwoAtOnce()
    {
        using FakeDisk disk = new() { IsConcurrent = false };
        using BlockBench bench = new(disk, new VirtioBlockOptions { Queues = 4 });
        for (int slot = 0; slot < 40; slot++) bench.Submit(slot % 4, slot, (uint)(slot % 2));
        for (int queue = 0; queue < 4; queue++) Assert.Equal(10, bench.WaitForDone(10, queue).Count);
        Assert.Equal(1, disk.MostAtOnce);
    }

    [Fact]
    public void Flush_WhileAWriteIsUnderWay_DoesNotWaitForIt()
    {
        using FakeDisk disk = new() { Holds = static (call, _) => call == DiskCall.Write };
        using BlockBench bench = new(disk);
        bench.Submit(0, 0, BlockBench.Write);
        disk.WaitForBegun(1);
        bench.Submit(0, 1, BlockBench.Flush, bytes: 0);
        Assert.Equal([1], bench.WaitForDone(1));
        disk.LetGo();
        Assert.Equal([0], bench.WaitForDone(1));
    }

    [Fact]
    public void Flush_ThatIsSlow_IsNotInTheWayOfReadsAndWrites()
    {
        using FakeDisk disk = new() { Holds = static (call, _) => call == DiskCall.Flush };
        using BlockBench bench = new(disk);
        bench.Submit(0, 0, BlockBench.Flush, bytes: 0);
        disk.WaitForBegun(1);
        bench.Submit(0, 1, BlockBench.Write);
        bench.Submit(0, 2, BlockBench.Read, 64);
        Assert.Equal([1, 2], bench.WaitForDone(2).Order());
        disk.LetGo();
        Assert.Equal([0], bench.WaitForDone(1));
    }

    [Fact]
    public void Flush_AfterWritesThatEnded_ReachesTheBackEndAfterAllOfThem()
    {
        using FakeDisk disk = new();
        using BlockBench bench = new(disk, new VirtioBlockOptions { Queues = 2 });
        for (int round = 0; round < 50; round++)
        {
            for (int slot = 0; slot < 8; slot++) bench.Add(slot % 2, slot, BlockBench.Write, (ulong)(slot * SectorsOfSlot));
            bench.Notify(0);
            bench.Notify(1);
            bench.WaitForDone(4, 0);
            bench.WaitForDone(4, 1);
            bench.Submit(round % 2, 9, BlockBench.Flush, bytes: 0);
            bench.WaitForDone(1, round % 2);
            Assert.Equal((DiskCall.Flush, 0), disk.Ended[^1]);
            Assert.Equal(9 * (round + 1), disk.Ended.Length);
        }
    }

    [Fact]
    public void Write_InWriteThroughMode_EndsOnlyAfterItsFlush()
    {
        using FakeDisk disk = new() { Holds = static (call, _) => call == DiskCall.Flush };
        using BlockBench bench = new(disk, new VirtioBlockOptions { WriteThrough = true });
        bench.Submit(0, 0, BlockBench.Write);
        disk.WaitForBegun(2);
        bench.Submit(0, 1, BlockBench.Read, 64);
        Assert.Equal([1], bench.WaitForDone(1));
        disk.LetGo();
        Assert.Equal([0], bench.WaitForDone(1));
    }

    [Fact]
    public void Read_FromTheHostsCache_IsAnsweredWithinTheNotification()
    {
        using FakeDisk disk = new() { IsCached = true };
        disk.Content.AsSpan().Fill(7);
        using BlockBench bench = new(disk);
        bench.Submit(0, 0, BlockBench.Read);
        Assert.Equal([0], bench.TakeDone());
        Assert.Equal(7, bench.ReadData(0)[4095]);
        Assert.Equal([Environment.CurrentManagedThreadId], disk.CacheReaders);
    }

    [Fact]
    public void Read_CacheFails_IsReadTheOtherWay()
    {
        using FakeDisk disk = new() { CacheFails = true };
        disk.Content.AsSpan().Fill(7);
        using BlockBench bench = new(disk);
        bench.Submit(0, 0, BlockBench.Read);
        Assert.Equal([0], bench.WaitForDone(1));
        Assert.Equal((0, 7), (bench.Status(0), bench.ReadData(0)[0]));
    }

    [Fact]
    public void Requests_CachedAndNot_AllComeBack()
    {
        using FakeDisk disk = new() { IsCached = true };
        using BlockBench bench = new(disk);
        for (int round = 0; round < 200; round++)
        {
            int count = 1 + (round % 7);
            for (int slot = 0; slot < count; slot++) bench.Add(0, slot, (uint)((round >> slot) & 1), (ulong)slot);
            bench.Notify();
            Assert.Equal(count, bench.WaitForDone(count).Count);
        }
    }

    [Fact]
    public async Task Reset_InMidFlight_ReturnsWhenTheBackEndIsDone()
    {
        using FakeDisk disk = new() { Holds = static (call, _) => call == DiskCall.Read };
        disk.Content.AsSpan().Fill(9);
        using BlockBench bench = new(disk);
        for (int slot = 0; slot < 20; slot++) bench.Submit(0, slot, BlockBench.Read);
        disk.WaitForBegun(8);
        Task reset = Task.Run(bench.Reset);
        Assert.NotSame(reset, await Task.WhenAny(reset, Task.Delay(50)));
        disk.LetGo();
        await reset;
        int begun = disk.Begun.Length;
        Assert.Equal(begun, disk.Ended.Length);
        Assert.Equal((0u, false), (bench.Bench.Transport.Read32(0x060), bench.Bench.Irq.Level));
        bench.Start();
        bench.Fill(1, 0);
        bench.Submit(0, 1, BlockBench.Read);
        Assert.Equal([1], bench.WaitForDone(1));
        Assert.Equal(9, bench.ReadData(1)[0]);
        Assert.Equal(begun + 1, disk.Ended.Length);
    }

    [Fact]
    public void ResetOfOneQueue_InMidFlight_LeavesTheOtherAlone()
    {
        using FakeDisk disk = new() { Holds = static (_, offset) => offset == 0 };
        using BlockBench bench = new(disk, new VirtioBlockOptions { Queues = 2 });
        bench.Submit(0, 0, BlockBench.Read);
        disk.WaitForBegun(1);
        Thread reset = new(() => bench.ResetQueue(0)) { IsBackground = true };
        reset.Start();
        // It waits for the request: what comes back from now on comes too late.
        Assert.True(SpinWait.SpinUntil(() => reset.ThreadState.HasFlag(ThreadState.WaitSleepJoin), TimeSpan.FromSeconds(60)), "the reset does not wait");
        bench.Submit(1, 1, BlockBench.Read, 64);
        Assert.Equal([1], bench.WaitForDone(1, 1));
        Assert.True(reset.IsAlive);
        disk.LetGo();
        reset.Join();
        Assert.Empty(bench.TakeDone(0));
        bench.Submit(1, 1, BlockBench.Read, 64);
        Assert.Equal([1], bench.WaitForDone(1, 1));
    }

    [Fact]
    public async Task Dispose_InMidFlight_WaitsForTheBackEnd()
    {
        using FakeDisk disk = new() { Holds = static (_, _) => true };
        BlockBench bench = new(disk);
        for (int slot = 0; slot < 20; slot++) bench.Submit(0, slot, BlockBench.Write);
        disk.WaitForBegun(8);
        Task dispose = Task.Run(bench.Dispose);
        Assert.NotSame(dispose, await Task.WhenAny(dispose, Task.Delay(50)));
        disk.LetGo();
        await dispose;
        Assert.Equal(disk.Begun.Length, disk.Ended.Length);
    }

    [Fact]
    public void Queues_Several_AreOfferedAndServedEach()
    {
        using FakeDisk disk = new();
        using BlockBench bench = new(disk, new VirtioBlockOptions { Queues = 3 });
        Assert.NotEqual(0UL, bench.Bench.ReadFeatures() & (1 << 12));
        Assert.Equal(3u, bench.Bench.Transport.Read32(0x120) >> 16);
        for (int queue = 2; queue >= 0; queue--)
        {
            bench.Submit(queue, queue, BlockBench.Read);
            Assert.Equal([queue], bench.WaitForDone(1, queue));
        }
    }

    [Fact]
    public void Requests_InDeterministicTime_EndWithinTheNotificationInOrder()
    {
        using FakeDisk disk = new();
        using BlockBench bench = new(disk, time: new ManualTime(deterministic: true));
        for (int slot = 0; slot < 40; slot++) bench.Add(0, slot, (uint)(slot % 2), (ulong)slot);
        bench.Notify();
        Assert.Equal(Enumerable.Range(0, 40), bench.TakeDone());
        Assert.Equal(1, disk.MostAtOnce);
    }

    [Fact]
    public void Counters_AfterRequests_TellWhatWasDone()
    {
        using FakeDisk disk = new();
        using BlockBench bench = new(disk, time: new ManualTime(deterministic: true));
        bench.Submit(0, 0, BlockBench.Read);
        bench.Submit(0, 1, BlockBench.Read, 8, 512);
        bench.Submit(0, 2, BlockBench.Write);
        bench.Submit(0, 3, BlockBench.Flush, bytes: 0);
        bench.Submit(0, 4, BlockBench.Read, ulong.MaxValue);
        BlockCounters counters = bench.Counters;
        Assert.Equal((2UL, 4608UL), (counters.Reads.Requests, counters.Reads.Bytes));
        Assert.Equal((1UL, 4096UL), (counters.Writes.Requests, counters.Writes.Bytes));
        Assert.Equal((1UL, 0UL), (counters.Flushes.Requests, counters.Flushes.Bytes));
        Assert.Equal((1UL, 0UL), (counters.Failures.Requests, counters.Failures.Bytes));
    }
}
