using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Block;
using Doppel.Devices.Virtio.Block;

namespace Doppel.UnitTests.Devices;

public sealed class VirtioBlockTests : IDisposable
{
    private const ulong Header = VirtioBench.Ram, Data = VirtioBench.Ram + 0x1000, Status = VirtioBench.Ram + 0x4_0000;
    private const ulong AllFeatures = VirtioBench.Version1 | (1 << 5) | (1 << 9) | (1 << 11) | (1 << 13) | (1 << 14);
    private const int DiskSize = 1 << 20;
    private readonly string _path = Path.GetTempFileName();
    private readonly byte[] _content = new byte[DiskSize];
    private readonly List<string> _log = [];

    public VirtioBlockTests()
    {
        new Random(4).NextBytes(_content);
        File.WriteAllBytes(_path, _content);
    }

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void Config_Fields_DescribeTheDisk()
    {
        using Disk disk = Open();
        Assert.Equal(DiskSize / 512, (int)disk.Bench.Transport.Read32(0x100));
        Assert.Equal(0u, disk.Bench.Transport.Read32(0x104));
        Assert.Equal(254u, disk.Bench.Transport.Read32(0x10C));
        Assert.Equal(512u, disk.Bench.Transport.Read32(0x114));
        Assert.Equal(1, disk.Bench.Transport.Read8(0x120));
        Assert.Equal(0u, disk.Bench.Transport.Read32(0x1F0));
        Assert.Equal(0UL, disk.Bench.ReadFeatures() & (1 << 5));
    }

    [Fact]
    public void Read_ScatteredOverBuffers_GivesTheFilesBytes()
    {
        using Disk disk = Open();
        byte status = disk.Request(0, 3, (Data, 100, true), (Data + 0x800, 412, true), (Data + 0x2000, 512, true));
        Assert.Equal(0, status);
        Assert.Equal(1025u, disk.LastWritten);
        byte[] read = [.. disk.Bench.Read(Data, 100), .. disk.Bench.Read(Data + 0x800, 412), .. disk.Bench.Read(Data + 0x2000, 512)];
        Assert.Equal(_content[(3 * 512)..(5 * 512)], read);
    }

    [Fact]
    public void Read_HeaderAndStatusCutAnywhere_WorksAllTheSame()
    {
        using Disk disk = Open();
        disk.WriteHeader(0, 1);
        disk.Queue.Add((Header, 3, false), (Header + 3, 13, false), (Data, 513, true));
        disk.Queue.Notify();
        Assert.True(disk.Queue.TryGetUsed(out _, out uint written));
        Assert.Equal(513u, written);
        Assert.Equal(_content[512..1024], disk.Bench.Read(Data, 512));
        Assert.Equal(0, disk.Bench.Read(Data + 512, 1)[0]);
    }

    [Fact]
    public void Write_ThenRead_RoundTrips()
    {
        using Disk disk = Open();
        byte[] block = new byte[4096];
        new Random(5).NextBytes(block);
        disk.Bench.Memory.TryWrite(Data, block);
        Assert.Equal(0, disk.Request(1, 8, (Data, 4096, false)));
        Assert.Equal(1u, disk.LastWritten);
        Assert.Equal(0, disk.Request(4, 0));
        disk.Dispose();
        byte[] onDisk = File.ReadAllBytes(_path)[(8 * 512)..(16 * 512)];
        Assert.Equal(block, onDisk);
    }

    [Fact]
    public void Read_ManyBuffers_MoreThanOneSystemCallTakes()
    {
        using Disk disk = Open(queueSize: 256);
        (ulong, int, bool)[] buffers = [.. Enumerable.Range(0, 200).Select(i => (Data + (512UL * (uint)i), 512, true))];
        Assert.Equal(0, disk.Request(0, 0, buffers));
        Assert.Equal(_content[..(200 * 512)], disk.Bench.Read(Data, 200 * 512));
    }

    [Theory]
    [InlineData(0u, 2048UL, 512, true)]
    [InlineData(0u, 2047UL, 1024, true)]
    [InlineData(0u, ulong.MaxValue, 512, true)]
    [InlineData(0u, 0UL, 511, true)]
    [InlineData(1u, 2048UL, 512, false)]
    [InlineData(1u, 0UL, 100, false)]
    public void Transfer_OutsideOrUneven_IsAnIoErrorAndTouchesNothing(uint type, ulong sector, int length, bool writable)
    {
        using (Disk disk = Open()) Assert.Equal(1, disk.Request(type, sector, (Data, length, writable)));
        Assert.Equal(_content, File.ReadAllBytes(_path));
    }

    [Fact]
    public void GetId_Request_IsTheSerialNumberPadded()
    {
        using Disk disk = Open();
        Assert.Equal(0, disk.Request(8, 0, (Data, 20, true)));
        Assert.Equal("disk-0" + new string('\0', 14), Encoding.ASCII.GetString(disk.Bench.Read(Data, 20)));
    }

    [Fact]
    public void UnknownType_Request_IsUnsupported()
    {
        using Disk disk = Open();
        Assert.Equal(2, disk.Request(77, 0, (Data, 512, true)));
    }

    [Theory]
    [InlineData(11u, 0u)]
    [InlineData(13u, 0u)]
    [InlineData(13u, 1u)]
    public void DiscardAndWriteZeroes_Range_ReadsAsZeroAndLeavesItsNeighbours(uint type, uint flags)
    {
        byte[] expected = [.. _content];
        expected.AsSpan(64 * 512, 128 * 512).Clear();
        using (Disk disk = Open())
        {
            disk.WriteRange(64, 128, flags);
            Assert.Equal(0, disk.Request(type, 0, (Data, 16, false)));
        }
        Assert.Equal(expected, File.ReadAllBytes(_path));
    }

    [Theory]
    [InlineData(11u, 0UL, 8u, 1u, 2)]
    [InlineData(13u, 0UL, 8u, 2u, 2)]
    [InlineData(11u, 2048UL, 8u, 0u, 1)]
    [InlineData(13u, 0UL, 0xFFFF_FFFFu, 0u, 1)]
    public void DiscardAndWriteZeroes_BadRange_FailsAndTouchesNothing(uint type, ulong sector, uint sectors, uint flags, byte expected)
    {
        using (Disk disk = Open())
        {
            disk.WriteRange(sector, sectors, flags);
            Assert.Equal(expected, disk.Request(type, 0, (Data, 16, false)));
        }
        Assert.Equal(_content, File.ReadAllBytes(_path));
    }

    [Fact]
    public void ReadOnlyDisk_Writes_AreIoErrors()
    {
        using Disk disk = Open(readOnly: true);
        Assert.NotEqual(0UL, disk.Bench.ReadFeatures() & (1 << 5));
        Assert.Equal(1, disk.Request(1, 0, (Data, 512, false)));
        disk.WriteRange(0, 8, 0);
        Assert.Equal(1, disk.Request(13, 0, (Data, 16, false)));
        Assert.Equal(0, disk.Request(0, 0, (Data, 512, true)));
    }

    [Fact]
    public void Request_WithoutStatus_NeedsReset()
    {
        using Disk disk = Open();
        disk.Queue.Add((Header, 16, false));
        disk.Queue.Notify();
        Assert.NotEqual(0u, disk.Bench.Status & 64);
        Assert.Single(disk.Bench.Log);
    }

    [Fact]
    public void Writeback_Config_ChangesOnlyWhereNegotiated()
    {
        using Disk disk = Open();
        disk.Bench.Transport.Write8(0x120, 0);
        Assert.Equal(0, disk.Bench.Transport.Read8(0x120));
        disk.Bench.Negotiate(VirtioBench.Version1 | (1 << 9));
        disk.Bench.Start();
        disk.Bench.Transport.Write8(0x120, 0);
        Assert.Equal(1, disk.Bench.Transport.Read8(0x120));
    }

    [Theory]
    [InlineData(AllFeatures & ~(1UL << 5), 0)]
    [InlineData(VirtioBench.Version1, 1)]
    public void Write_DriverCanNotFlush_IsFlushedAtOnce(ulong features, int flushes)
    {
        CountingBackend backend = new();
        using VirtioBench bench = new(Device(backend, new ManualTime(deterministic: true)));
        using Disk disk = new(bench, features, 16);
        Assert.Equal(0, disk.Request(1, 0, (Data, 512, false)));
        Assert.Equal(flushes, backend.Flushes);
    }

    [Fact]
    public void HostError_Request_IsAnIoErrorAndLoggedOnce()
    {
        using VirtioBench bench = new(Device(new CountingBackend { Fails = true }, new ManualTime(deterministic: true)));
        using Disk disk = new(bench, VirtioBench.Version1, 16);
        Assert.Equal(1, disk.Request(0, 0, (Data, 512, true)));
        Assert.Equal(1, disk.Request(0, 0, (Data, 512, true)));
        Assert.Contains("cable", Assert.Single(_log), StringComparison.Ordinal);
    }

    [Fact]
    public void RealTime_ManyRequests_CompleteOnTheWorkerAndSurviveResets()
    {
        using RawFileBackend backend = new(_path, readOnly: false);
        using VirtioBench bench = new(Device(backend, new ManualTime()));
        for (int round = 0; round < 5; round++)
        {
            bench.Memory.TryWrite(VirtioBench.Ram + 0x8_0000, new byte[0x4000]);
            using Disk disk = new(bench, AllFeatures & ~(1UL << 5) | VirtioBench.EventIndex, 64);
            disk.WriteHeader(0, 0);
            for (int i = 0; i < 300; i++)
            {
                disk.Queue.Add((Header, 16, false), (Data, 512, true), (Status, 1, true));
                disk.Queue.Notify();
                Assert.True(SpinWait.SpinUntil(() => disk.Queue.TryGetUsed(out _, out _), TimeSpan.FromSeconds(60)));
            }
            disk.Queue.Add((Header, 16, false), (Data, 512, true), (Status, 1, true));
            disk.Queue.Notify();
            bench.Transport.Write32(0x070, 0);
        }
        Assert.Empty(bench.Log);
    }

    [Fact]
    public void RawFile_OpenTwiceForWriting_IsRefused()
    {
        using RawFileBackend first = new(_path, readOnly: false);
        IOException error = Assert.ThrowsAny<IOException>(() => new RawFileBackend(_path, readOnly: false));
        Assert.Contains("in use", error.Message, StringComparison.Ordinal);
        Assert.Contains(_path, error.Message, StringComparison.Ordinal);
        Assert.ThrowsAny<IOException>(() => new RawFileBackend(_path, readOnly: true));
    }

    [Fact]
    public void RawFile_OpenTwiceForReading_IsAllowed()
    {
        using RawFileBackend first = new(_path, readOnly: true);
        using RawFileBackend second = new(_path, readOnly: true);
        Assert.Equal(DiskSize, second.Length);
    }

    [Fact]
    public void RawFile_Missing_SaysWhichFile()
    {
        IOException error = Assert.ThrowsAny<IOException>(() => new RawFileBackend(_path + ".missing", readOnly: true));
        Assert.Contains(".missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RawFile_ShrinksUnderTheMachine_IsAnIoError()
    {
        using Disk disk = Open(readOnly: true);
        // As another program would: the lock is a promise between machines only.
        Process.Start("truncate", ["-s", "512", _path]).WaitForExit();
        Assert.Equal(1, disk.Request(0, 100, (Data, 512, true)));
        Assert.Single(_log);
    }

    private VirtioBlock Device(IBlockBackend backend, MachineTime time) =>
        new(backend, new VirtioBlockOptions { Serial = "disk-0" }, new BlockCounters(), time, _log.Add);

    private Disk Open(bool readOnly = false, ushort queueSize = 16)
    {
        RawFileBackend backend = new(_path, readOnly);
        VirtioBench bench = new(Device(backend, new ManualTime(deterministic: true)));
        return new Disk(bench, AllFeatures & bench.ReadFeatures(), queueSize, backend);
    }

    private sealed class Disk : IDisposable
    {
        private readonly IBlockBackend? _backend;

        internal Disk(VirtioBench bench, ulong features, ushort queueSize, IBlockBackend? backend = null)
        {
            Bench = bench;
            _backend = backend;
            bench.Negotiate(features);
            Queue = bench.CreateQueue(0, queueSize);
            bench.Start();
        }

        internal VirtioBench Bench { get; }

        internal DriverQueue Queue { get; }

        internal uint LastWritten { get; private set; }

        public void Dispose()
        {
            if (_backend is null) return;
            Bench.Dispose();
            _backend.Dispose();
        }

        internal void WriteHeader(uint type, ulong sector)
        {
            Span<byte> header = stackalloc byte[16];
            header.Clear();
            BinaryPrimitives.WriteUInt32LittleEndian(header, type);
            BinaryPrimitives.WriteUInt64LittleEndian(header[8..], sector);
            Bench.Memory.TryWrite(Header, header);
        }

        internal void WriteRange(ulong sector, uint sectors, uint flags)
        {
            Bench.Memory.TryWrite(Data, sector);
            Bench.Memory.TryWrite(Data + 8, sectors);
            Bench.Memory.TryWrite(Data + 12, flags);
        }

        internal byte Request(uint type, ulong sector, params ReadOnlySpan<(ulong, int, bool)> data)
        {
            WriteHeader(type, sector);
            Bench.Memory.TryWrite(Status, (byte)0xFF);
            Queue.Add([(Header, 16, false), .. data, (Status, 1, true)]);
            Queue.Notify();
            Assert.True(Queue.TryGetUsed(out _, out uint written));
            LastWritten = written;
            return Bench.Read(Status, 1)[0];
        }
    }

    private sealed class CountingBackend : IBlockBackend
    {
        internal int Flushes { get; private set; }

        internal bool Fails { get; init; }

        public long Length => 1 << 20;

        public bool IsReadOnly => false;

        public void Read(long offset, ReadOnlySpan<Doppel.Host.HostBuffer> buffers)
        {
            if (Fails) throw new IOException("the cable is cut");
        }

        public void Write(long offset, ReadOnlySpan<Doppel.Host.HostBuffer> buffers)
        {
        }

        public void Flush() => Flushes++;

        public void Discard(long offset, long length)
        {
        }

        public void WriteZeroes(long offset, long length, bool mayUnmap)
        {
        }

        public void Dispose()
        {
        }
    }
}
