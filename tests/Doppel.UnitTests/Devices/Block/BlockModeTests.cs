using Doppel.Devices.Virtio.Block;

namespace Doppel.UnitTests.Devices.Block;

/// <summary>Cache modes, discards, detection of zeroes, and what the guest is told.</summary>
public sealed class BlockModeTests
{
    private const ulong FlushFeature = 1 << 9, ConfigWce = 1 << 11, DiscardFeature = 1 << 13, WriteZeroesFeature = 1 << 14;

    [Theory]
    [InlineData(false, FlushFeature | ConfigWce, 1, 0)]
    [InlineData(true, 0, 0, 1)]
    public void WriteThrough_Mode_IsWhatTheGuestSeesAndGets(bool writeThrough, ulong features, byte writeback, int flushes)
    {
        using FakeDisk disk = new();
        using BlockBench bench = Open(disk, new VirtioBlockOptions { WriteThrough = writeThrough });
        Assert.Equal(features, bench.Bench.ReadFeatures() & (FlushFeature | ConfigWce));
        Assert.Equal(writeback, bench.Bench.Transport.Read8(0x120));
        bench.Submit(0, 0, BlockBench.Write);
        Assert.Equal(flushes, disk.CountOf(DiskCall.Flush));
    }

    [Fact]
    public void Discard_WhereItIsIgnored_IsNotOfferedAndNotDone()
    {
        using FakeDisk disk = new();
        using BlockBench bench = Open(disk, new VirtioBlockOptions { IgnoreDiscard = true });
        Assert.Equal(WriteZeroesFeature, bench.Bench.ReadFeatures() & (DiscardFeature | WriteZeroesFeature));
        Assert.Equal(0, bench.Bench.Transport.Read8(0x100 + 56));
        WriteRange(bench, 0, 8, flags: 0);
        bench.Submit(0, 0, BlockBench.Discard, bytes: 16);
        Assert.Equal(2, bench.Status(0));
        Assert.Empty(disk.Begun);
    }

    [Theory]
    [InlineData(ZeroDetection.Off, 0, DiskCall.Write)]
    [InlineData(ZeroDetection.On, 0, DiskCall.WriteZeroes)]
    [InlineData(ZeroDetection.Unmap, 0, DiskCall.WriteZeroes)]
    [InlineData(ZeroDetection.On, 1, DiskCall.Write)]
    public void Write_OfZeroes_IsFoundOutWhereAskedFor(ZeroDetection detection, byte last, DiskCall expected)
    {
        using FakeDisk disk = new();
        using BlockBench bench = Open(disk, new VirtioBlockOptions { DetectZeroes = detection });
        disk.Content.AsSpan().Fill(5);
        bench.Fill(0, 0);
        bench.Bench.Memory.TryWrite(BlockBench.Data(0) + 4095, last);
        bench.Submit(0, 0, BlockBench.Write);
        Assert.Equal([expected], disk.Ended.Select(static e => e.Call));
        Assert.Equal((0, last, 5), (disk.Content[0], disk.Content[4095], disk.Content[4096]));
    }

    private static BlockBench Open(FakeDisk disk, VirtioBlockOptions options) => new(disk, options, new ManualTime(deterministic: true));

    private static void WriteRange(BlockBench bench, ulong sector, uint sectors, uint flags)
    {
        bench.Bench.Memory.TryWrite(BlockBench.Data(0), sector);
        bench.Bench.Memory.TryWrite(BlockBench.Data(0) + 8, sectors);
        bench.Bench.Memory.TryWrite(BlockBench.Data(0) + 12, flags);
    }
}
