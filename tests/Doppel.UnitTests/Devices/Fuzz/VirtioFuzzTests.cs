using Doppel.Core.Time;
using Doppel.Devices.Backends.Block;
using Doppel.Devices.Backends.Block.Qcow2;
using Doppel.Devices.Backends.Char;
using Doppel.Devices.Virtio;
using Doppel.Devices.Virtio.Balloon;
using Doppel.Devices.Virtio.Block;
using Doppel.Devices.Virtio.Console;
using Doppel.Devices.Virtio.Entropy;
using Doppel.Devices.Virtio.Vsock;
using Doppel.Disks;
using Doppel.Host;
using Doppel.UnitTests.Images;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Devices.Fuzz;

/// <summary>A driver that writes garbage into every register and every ring of every device.</summary>
public sealed class VirtioFuzzTests(ITestOutputHelper output) : IDisposable
{
    private const int Cases = 35_000;
    private readonly GuardedMemory _guarded = new();
    private readonly FuzzSeed _seed = new(output);

    public void Dispose() => _guarded.Dispose();

    [Fact]
    public void Entropy_HostileDriver_StaysConform()
    {
        using VirtioEntropy device = new(EntropySources.CreateSeeded(1));
        Run(device, static _ => { });
    }

    [Fact]
    public void Block_HostileDriver_StaysConform()
    {
        using RamDisk disk = new(_guarded);
        using VirtioBlock device = Block(disk, 1, new ManualTime(deterministic: true));
        Run(device, static _ => { });
        Assert.True(disk.Transfers > 100, "the driver was too hostile to reach the disk");
    }

    [Fact]
    public void Console_HostileDriver_StaysConform()
    {
        using CharChannel terminal = new(capacity: 256), pipe = new(capacity: 256);
        ManualTime time = new();
        using VirtioConsole device = new([new ConsolePort("", true, terminal), new ConsolePort("pipe", false, pipe)], new ConsoleSize(80, 25), time);
        long received = 0;
        Run(device, random =>
        {
            Type(terminal, random);
            Type(pipe, random);
            received += Drain(terminal, random) + Drain(pipe, random);
            device.Resize(new ConsoleSize((ushort)random.Next(), (ushort)random.Next()));
            time.Advance(1_000);
        });
        Assert.True(received > 1000, "the driver was too hostile to reach the host");
    }

    [Fact]
    public void Vsock_HostileDriver_StaysConform()
    {
        using VsockHost host = new();
        ManualTime time = new();
        using VirtioVsock device = new(host, 3, time);
        Run(device, _ => time.Advance(1_000));
    }

    [Fact]
    public void Balloon_HostileDriver_StaysConform()
    {
        BalloonControl control = new(1 << 20);
        using VirtioBalloon device = new(control, static _ => { });
        Run(device, random =>
        {
            control.TargetBytes = (ulong)random.NextInt64(2 << 20);
            _ = control.QueryAsync();
        });
        Assert.True(control.GivenBackBytes > 0, "the driver was too hostile to give a page back");
    }

    [Fact]
    public void BlockInRealTime_HostileDriver_LeavesTheWorkerAlive()
    {
        using RamDisk disk = new(_guarded);
        using VirtioBlock device = Block(disk, 1, new ManualTime());
        HostileDriver driver = new(_guarded, device);
        _seed.Run(3_000, driver.RunCaseInRealTime);
        driver.AssertEndsWithReset();
        _guarded.AssertGuardsAreIntact();
    }

    [Fact]
    public void BlockOfSeveralQueues_HostileDriver_StaysConform()
    {
        using RamDisk disk = new(_guarded) { IsConcurrent = true };
        using VirtioBlock device = Block(disk, 4, new ManualTime(deterministic: true));
        Run(device, static _ => { });
        Assert.True(disk.Transfers > 100, "the driver was too hostile to reach the disk");
    }

    [Fact]
    public void BlockOfSeveralQueuesInRealTime_HostileDriver_LeavesTheWorkersAlive()
    {
        using RamDisk disk = new(_guarded) { IsConcurrent = true, IsFullNowAndThen = true };
        ManualTime time = new();
        using VirtioBlock device = Block(disk, 4, time);
        HostileDriver driver = new(_guarded, device);
        _seed.Run(20_000, random =>
        {
            driver.RunCaseInRealTime(random);
            Thread.SpinWait(random.Next(1_000));
            time.Advance(random.Next(1_000_000_000));
        });
        driver.AssertEndsWithReset();
        _guarded.AssertGuardsAreIntact();
    }

    // Small clusters, so that the disk ends where its last table does. Quiet between the cases, or a busy host lets the next reset come
    // before a worker.
    [Fact]
    public void BlockOverAnImage_HostileDriver_LeavesTheWorkersAliveAndTheImageSound()
    {
        using TemporaryFolder folder = new();
        string path = folder["disk.qcow2"];
        BlockCounters counters = new();
        Qcow2Image.Create(path, new Qcow2CreateOptions { Size = 128 << 10, ClusterSize = 512 });
        using (IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions { Cache = HostFileCache.NeverFlushed }))
        using (VirtioBlock device = Block(disk, 2, new ManualTime(), counters))
        {
            HostileDriver driver = new(_guarded, device);
            _seed.Run(10_000, random =>
            {
                driver.RunCase(random);
                device.Quiesce();
            });
            driver.AssertEndsWithReset();
        }
        _guarded.AssertGuardsAreIntact();
        DiskCheck check = DiskImages.Check(path);
        Assert.Equal((0, 0), (check.Corruptions, check.Leaks));
        Assert.True(
            counters.Reads.Requests > 20 && counters.Writes.Requests > 20 && counters.Discards.Requests > 0,
            $"{counters.Reads}, {counters.Writes}, {counters.Discards}: the driver was too hostile to reach the disk");
    }

    private static VirtioBlock Block(IBlockBackend disk, int queues, MachineTime time, BlockCounters? counters = null) =>
        new(disk, new VirtioBlockOptions { Serial = "fuzz", Queues = queues }, counters ?? new BlockCounters(), time, static _ => { });

    private static void Type(CharChannel channel, Random random) =>
        channel.Host.Write(new byte[channel.PendingInput == 0 ? random.Next(64) : 0]);

    private static int Drain(CharChannel channel, Random random)
    {
        int pending = Math.Min(channel.PendingOutput, random.Next(300));
        if (pending != 0) channel.Host.ReadExactly(new byte[pending]);
        return pending;
    }

    private void Run(IVirtioDevice device, Action<Random> host)
    {
        HostileDriver driver = new(_guarded, device);
        _seed.Run(Cases, random =>
        {
            driver.RunCase(random);
            host(random);
            driver.AssertConform();
        });
        driver.AssertEndsWithReset();
        _guarded.AssertGuardsAreIntact();
    }

    /// <summary>A disk in host memory that checks every address it is given.</summary>
    private sealed class RamDisk(GuardedMemory guarded) : IBlockBackend
    {
        private readonly byte[] _content = new byte[128 << 10];

        private int _transfers, _writes;

        internal int Transfers => _transfers;

        public bool IsConcurrent { get; init; }

        internal bool IsFullNowAndThen { get; init; }

        public long Length => _content.Length;

        public bool IsReadOnly => false;

        public bool TryReadCached(long offset, ReadOnlySpan<HostBuffer> buffers)
        {
            if (!IsConcurrent || offset % 1024 != 0) return false;
            Transfer(offset, buffers, write: false);
            return true;
        }

        public void Read(long offset, ReadOnlySpan<HostBuffer> buffers) => Transfer(offset, buffers, write: false);

        public void Write(long offset, ReadOnlySpan<HostBuffer> buffers)
        {
            if (IsFullNowAndThen && Interlocked.Increment(ref _writes) % 4 == 0) throw new HostException("no space left") { IsOutOfSpace = true };
            Transfer(offset, buffers, write: true);
        }

        public void Flush()
        {
        }

        public void Discard(long offset, long length) => _content.AsSpan((int)offset, (int)length).Clear();

        public void WriteZeroes(long offset, long length, bool mayUnmap) => _content.AsSpan((int)offset, (int)length).Clear();

        public void Dispose()
        {
        }

        private unsafe void Transfer(long offset, ReadOnlySpan<HostBuffer> buffers, bool write)
        {
            Interlocked.Increment(ref _transfers);
            foreach (HostBuffer buffer in buffers)
            {
                Assert.True(guarded.IsGuests(buffer.Address, buffer.Length, writable: !write), "a buffer lies outside guest memory");
                Span<byte> disk = _content.AsSpan((int)offset, (int)buffer.Length);
                Span<byte> memory;
                // SAFETY: the buffer was just shown to lie in guest memory.
                unsafe { memory = new Span<byte>((void*)buffer.Address, disk.Length); }
                if (write) memory.CopyTo(disk);
                else disk.CopyTo(memory);
                offset += disk.Length;
            }
        }
    }
}
