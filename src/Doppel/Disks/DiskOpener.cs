using Doppel.Boards;
using Doppel.Devices.Backends.Block;
using Doppel.Devices.Virtio.Block;
using Doppel.Host;

namespace Doppel.Disks;

/// <summary>Opens the contents of disks. Thread contract: static, no state.</summary>
internal static class DiskOpener
{
    /// <summary>Opens one.</summary>
    /// <param name="disk">The disk, checked.</param>
    /// <param name="index">Its place among the machine's disks, for its serial number.</param>
    /// <exception cref="VirtualMachineException">It cannot be opened.</exception>
    public static BoardDisk Open(DiskConfig disk, int index)
    {
        try
        {
            return new BoardDisk(disk.Path, OpenBackend(disk), OptionsOf(disk, index));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new VirtualMachineException($"--disk {disk.Path}: {e.Message}", e);
        }
    }

    private static IBlockBackend OpenBackend(DiskConfig disk) => DiskImage.Open(disk.Path, new DiskImageOptions
    {
        ReadOnly = disk.ReadOnly,
        Format = disk.Format,
        Snapshot = disk.Snapshot,
        Cache = disk.Cache switch
        {
            DiskCache.None or DiskCache.DirectSync => HostFileCache.Bypassed,
            DiskCache.Unsafe => HostFileCache.NeverFlushed,
            _ => HostFileCache.Used,
        },
    });

    private static VirtioBlockOptions OptionsOf(DiskConfig disk, int index) => new()
    {
        Serial = disk.Serial ?? $"doppel-{index}",
        Queues = disk.Queues,
        WriteThrough = disk.Cache is DiskCache.WriteThrough or DiskCache.DirectSync,
        IgnoreDiscard = disk.Discard == DiskDiscard.Ignore,
        FailWhenFull = disk.WhenFull == DiskFull.Fail,
        DetectZeroes = disk.DetectZeroes switch
        {
            DiskZeroDetection.On => ZeroDetection.On,
            DiskZeroDetection.Unmap => ZeroDetection.Unmap,
            _ => ZeroDetection.Off,
        },
        Rates = RatesOf(disk.Limits),
    };

    private static BlockRates RatesOf(DiskLimits limits) => new()
    {
        Requests = limits.Requests,
        Reads = limits.Reads,
        Writes = limits.Writes,
        Bytes = limits.Bytes,
        ReadBytes = limits.ReadBytes,
        WrittenBytes = limits.WrittenBytes,
        BurstSeconds = limits.Burst.TotalSeconds,
    };
}
