using Doppel.Devices.Virtio.Block;
using Doppel.UnitTests.Devices.Fuzz;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Devices.Block;

/// <summary>Random requests on several queues, with resets in between, on a disk that answers in any order.</summary>
public sealed class BlockStressTests(ITestOutputHelper output)
{
    private const int Queues = 4, PerQueue = 12, SectorsOfSlot = BlockBench.SlotBytes / 512;

    [Fact]
    public void Requests_RandomOnFourQueues_ReadWhatWasWritten()
    {
        using FakeDisk disk = new() { Holds = static (_, offset) => Dawdle(offset) };
        using BlockBench bench = new(disk, new VirtioBlockOptions { Queues = Queues });
        // Each slot has a stretch of the disk of its own, so that what it reads is known whatever the order.
        byte[] written = new byte[Queues * PerQueue];
        new FuzzSeed(output).Run(150, random =>
        {
            disk.IsCached = random.Next(2) == 0;
            for (int queue = 0; queue < Queues; queue++) Round(bench, random, queue, written);
            if (random.Next(10) != 0) return;
            for (int queue = 0; queue < Queues; queue++) Add(bench, random, queue, 0, written, BlockBench.Read);
            for (int queue = 0; queue < Queues; queue++) bench.Notify(queue);
            bench.Reset();
            bench.Start();
        });
        Assert.Empty(bench.Bench.Log);
        Assert.Equal(0UL, bench.Counters.Failures.Requests);
    }

    private static void Round(BlockBench bench, Random random, int queue, byte[] written)
    {
        int count = 1 + random.Next(PerQueue);
        uint[] types = [.. Enumerable.Range(0, count).Select(_ => (uint)random.Next(2))];
        for (int i = 0; i < count; i++)
        {
            Add(bench, random, queue, i, written, types[i]);
            if (random.Next(3) == 0) bench.Notify(queue);
        }
        bench.Notify(queue);
        List<int> done = bench.WaitForDone(count, queue);
        Assert.Equal(count, done.Distinct().Count());
        for (int i = 0; i < count; i++)
        {
            int slot = (queue * PerQueue) + i;
            Assert.Equal(0, bench.Status(slot));
            byte[] data = bench.ReadData(slot);
            Assert.Equal((written[slot], written[slot]), (data[0], data[^1]));
        }
    }

    private static void Add(BlockBench bench, Random random, int queue, int index, byte[] written, uint type)
    {
        int slot = (queue * PerQueue) + index;
        if (type == BlockBench.Write) written[slot] = (byte)random.Next(256);
        bench.Fill(slot, type == BlockBench.Write ? written[slot] : (byte)0xEE);
        bench.Add(queue, slot, type, (ulong)(slot * SectorsOfSlot));
    }

    // Some calls give way to others.
    private static bool Dawdle(long offset)
    {
        Thread.SpinWait((int)(offset % 977) * 4);
        if (offset % 3 == 0) Thread.Yield();
        return false;
    }
}
