using System.Buffers.Binary;
using Doppel.Devices.Backends.Block;
using Doppel.Devices.Backends.Block.Qcow2;
using Doppel.Devices.Virtio.Block;
using Doppel.UnitTests.Devices.Fuzz;
using Doppel.UnitTests.Disks;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Devices.Block;

/// <summary>
/// The power of the host fails under a driver that writes and flushes at random on several queues. Killing a process leaves the host's cache alone;
/// this does not: only what was flushed is sure to be there.
/// </summary>
public sealed class HostPowerLossTests(ITestOutputHelper output) : IDisposable
{
    private const int Queues = 3, PerQueue = 18, Sectors = 64, Sector = 512;
    private const int DiskBytes = Queues * Sectors * Sector, Room = 4 << 20;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("doppel-power-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PowerLoss_OfTheHost_LeavesWhatWasFlushed(bool writeThrough)
    {
        int flushes = 0, writes = 0;
        new FuzzSeed(output).Run(40, random =>
        {
            LosingFile file = new(new byte[DiskBytes], DiskBytes, new Random(random.Next()));
            using LosingDisk disk = new(file);
            byte[] medium = WriteUntilTheCut(random, disk, file, writeThrough, static content => content);
            Assert.Equal(DiskBytes, medium.Length);
            flushes += file.Flushes;
            writes += file.Writes;
        });
        Assert.True(flushes > 50 && writes > 200, $"{flushes} flushes and {writes} writes are too few");
    }

    [Theory]
    [InlineData(512, false)]
    [InlineData(4096, false)]
    [InlineData(4096, true)]
    public void PowerLoss_OfTheHost_LeavesAQcow2ImageSoundWithWhatWasFlushed(int cluster, bool writeThrough)
    {
        string path = Path.Combine(_folder.FullName, "disk.qcow2");
        Qcow2Image.Create(path, new Qcow2CreateOptions { Size = DiskBytes, ClusterSize = cluster });
        byte[] empty = File.ReadAllBytes(path);
        int flushes = 0;
        new FuzzSeed(output).Run(12, random =>
        {
            LosingFile file = new(empty, Room, new Random(random.Next()));
            Qcow2Image disk = new(file, Qcow2HeaderReader.Read(file), null, writable: true);
            WriteUntilTheCut(random, disk, file, writeThrough, ReadImage);
            flushes += file.Flushes;
        });
        Assert.True(flushes > 5, $"{flushes} flushes are too few");
    }

    [Fact]
    public void PowerLoss_WithoutAFlush_LosesSomething()
    {
        LosingFile file = new(new byte[Sectors * Sector], Sectors * Sector, new Random(3));
        using LosingDisk disk = new(file);
        using BlockBench bench = new(disk);
        for (int slot = 0; slot < 8; slot++)
        {
            bench.Fill(slot, 0xAA);
            bench.Submit(0, slot, BlockBench.Write, (ulong)(slot * 8));
        }
        bench.WaitForDone(8);
        byte[] medium = file.Cut();
        Assert.Contains((byte)0, medium);
        Assert.Contains((byte)0xAA, medium);
    }

    private static byte[] WriteUntilTheCut(Random random, IBlockBackend disk, LosingFile file, bool writeThrough, Func<byte[], byte[]> read)
    {
        using BlockBench bench = new(disk, new VirtioBlockOptions { Queues = Queues, WriteThrough = writeThrough });
        Driver[] drivers = [.. Enumerable.Range(0, Queues).Select(queue => new Driver(bench, queue, writeThrough))];
        for (int step = random.Next(10, 60); step > 0; step--)
        {
            foreach (Driver driver in drivers) driver.Step(random);
        }
        byte[] medium = file.Cut();
        byte[] content = read(medium);
        foreach (Driver driver in drivers) driver.AssertHolds(content);
        return medium;
    }

    // Who else but QEMU is to say what the image holds?
    private byte[] ReadImage(byte[] medium)
    {
        string path = Path.Combine(_folder.FullName, "left.qcow2"), raw = Path.Combine(_folder.FullName, "left.raw");
        File.WriteAllBytes(path, medium);
        Qemu.CheckAtWorstLeaks(path);
        Qemu.Image("convert", "-f", "qcow2", "-O", "raw", path, raw);
        return File.ReadAllBytes(raw);
    }

    /// <summary>
    /// What one queue's driver knows. It has sectors of its own, and numbers its writes; a sector that is being written is not written again meanwhile,
    /// so that its numbers grow.
    /// </summary>
    private sealed class Driver(BlockBench bench, int queue, bool writeThrough)
    {
        private readonly uint[] _sent = new uint[Sectors], _ended = new uint[Sectors], _stable = new uint[Sectors];
        private readonly Dictionary<int, (int First, int Count)> _writes = [];
        private readonly Dictionary<int, uint[]> _flushes = [];
        private readonly Stack<int> _free = new(Enumerable.Range(queue * PerQueue, PerQueue));

        private uint _number;

        internal void Step(Random random)
        {
            foreach (int slot in bench.TakeDone(queue)) End(slot);
            if (_free.Count == 0) End(bench.WaitForDone(1, queue)[0]);
            int request = _free.Pop();
            int count = 1 + random.Next(8), first = random.Next(Sectors - count);
            bool busy = _writes.Values.Any(w => w.First < first + count && first < w.First + w.Count);
            if (busy || random.Next(5) == 0) Flush(request);
            else Write(request, first, count);
        }

        internal void AssertHolds(byte[] medium)
        {
            foreach (int slot in bench.TakeDone(queue)) End(slot);
            for (int sector = 0; sector < Sectors; sector++)
            {
                ReadOnlySpan<byte> content = medium.AsSpan(((queue * Sectors) + sector) * Sector, Sector);
                uint number = BinaryPrimitives.ReadUInt32LittleEndian(content);
                Assert.InRange(number, _stable[sector], _sent[sector]);
                Assert.Equal(number, BinaryPrimitives.ReadUInt32LittleEndian(content[^4..]));
            }
        }

        private void Write(int slot, int first, int count)
        {
            byte[] data = new byte[count * Sector];
            uint number = ++_number;
            for (int i = 0; i < count; i++)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(i * Sector), number);
                BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(((i + 1) * Sector) - 4), number);
                _sent[first + i] = number;
            }
            bench.Bench.Memory.TryWrite(BlockBench.Data(slot), data);
            _writes[slot] = (first, count);
            bench.Submit(queue, slot, BlockBench.Write, (ulong)((queue * Sectors) + first), data.Length);
        }

        private void Flush(int slot)
        {
            _flushes[slot] = [.. _ended];
            bench.Submit(queue, slot, BlockBench.Flush, bytes: 0);
        }

        private void End(int slot)
        {
            _free.Push(slot);
            bool succeeded = bench.Status(slot) == 0;
            if (_flushes.Remove(slot, out uint[]? covered))
            {
                for (int i = 0; succeeded && i < Sectors; i++) _stable[i] = Math.Max(_stable[i], covered[i]);
            }
            else if (_writes.Remove(slot, out (int First, int Count) write))
            {
                uint[] known = writeThrough ? _stable : _ended;
                for (int i = write.First; succeeded && i < write.First + write.Count; i++) known[i] = _sent[i];
            }
        }
    }
}
