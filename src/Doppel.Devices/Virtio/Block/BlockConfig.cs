using System.Buffers.Binary;
using System.Numerics;
using Doppel.Devices.Backends.Block;

namespace Doppel.Devices.Virtio.Block;

/// <summary>The configuration of a block device: layout of virtio 1.2, section 5.2.4.</summary>
internal static class BlockConfig
{
    internal const int Length = 60;
    internal const uint WritebackOffset = 32;

    internal const int SectorSize = 512;
    internal const ushort QueueSize = 256;
    internal const uint MaxSegmentBytes = 1 << 20;

    // Two descriptors of a request are its header and its status.
    internal const uint MaxSegments = QueueSize - 2;
    internal const uint MaxRangeSectors = 1 << 22;
    internal const uint MaxRanges = 64;

    internal static void Fill(Span<byte> config, ulong sectors, bool writeback, VirtioBlockOptions options, in BlockLimits limits)
    {
        config.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(config, sectors);
        Put(config, 8, MaxSegmentBytes);
        Put(config, 12, MaxSegments);
        Put(config, 20, SectorSize);
        // Physical block: binary logarithm of its size in logical blocks; no offset; smallest and best transfer in logical blocks.
        config[24] = (byte)BitOperations.Log2((uint)(limits.PhysicalBlock / SectorSize));
        BinaryPrimitives.WriteUInt16LittleEndian(config[26..], (ushort)(limits.PhysicalBlock / SectorSize));
        Put(config, 28, (uint)(limits.OptimalTransfer / SectorSize));
        config[(int)WritebackOffset] = writeback ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt16LittleEndian(config[34..], (ushort)options.Queues);
        Put(config, 36, MaxRangeSectors);
        Put(config, 40, MaxRanges);
        Put(config, 44, (uint)(limits.DiscardGranularity / SectorSize));
        Put(config, 48, MaxRangeSectors);
        Put(config, 52, MaxRanges);
        config[56] = options.IgnoreDiscard ? (byte)0 : (byte)1;
    }

    private static void Put(Span<byte> config, int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(config[offset..], value);
}
