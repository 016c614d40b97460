using System.Numerics;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>How an image's compressed clusters are compressed.</summary>
internal enum Qcow2CompressionType : byte
{
    /// <summary>Raw deflate (RFC 1951).</summary>
    Zlib = 0,

    /// <summary>Zstandard frames (RFC 8878).</summary>
    Zstd = 1,
}

/// <summary>
/// The header of an image and what follows from it; the places of tables change while it is open. Thread contract: as its owner.
/// </summary>
internal sealed class Qcow2Header
{
    internal required int Version { get; init; }

    internal required int ClusterBits { get; init; }

    /// <summary>Size of the disk in bytes.</summary>
    internal long Size { get; set; }

    /// <summary>Entries of the active L1 table.</summary>
    internal int L1Entries { get; set; }

    internal long L1Offset { get; set; }

    internal long RefcountTableOffset { get; set; }

    internal int RefcountTableClusters { get; set; }

    internal int SnapshotCount { get; init; }

    internal long SnapshotsOffset { get; init; }

    internal ulong Incompatible { get; set; }

    internal ulong Compatible { get; set; }

    internal ulong Autoclear { get; set; }

    /// <summary>Binary logarithm of the bits of a reference count.</summary>
    internal int RefcountOrder { get; init; } = 4;

    internal Qcow2CompressionType CompressionType { get; init; }

    internal string? BackingPath { get; init; }

    internal string? BackingFormat { get; init; }

    internal int HeaderLength { get; init; } = Qcow2Format.Version2HeaderLength;

    /// <summary>Place and length of the directory of persistent bitmaps, or zero.</summary>
    internal (long Offset, long Bytes, int Count) Bitmaps { get; init; }

    internal int ClusterBytes => 1 << ClusterBits;

    /// <summary>Binary logarithm of the entries of an L2 table, which is one cluster long.</summary>
    internal int L2Bits => ClusterBits - 3;

    internal int L2Entries => 1 << L2Bits;

    internal int L1Shift => ClusterBits + L2Bits;

    internal int RefcountBits => 1 << RefcountOrder;

    /// <summary>Binary logarithm of the counts of a refcount block, which is one cluster long.</summary>
    internal int BlockBits => ClusterBits + 3 - RefcountOrder;

    internal bool IsCorrupt => (Incompatible & Qcow2Format.CorruptFeature) != 0;

    internal bool IsDirty => (Incompatible & Qcow2Format.DirtyFeature) != 0;

    internal static int L1EntriesFor(long size, int clusterBits)
    {
        int shift = clusterBits + clusterBits - 3;
        return checked((int)((size >> shift) + ((size & ((1L << shift) - 1)) == 0 ? 0 : 1)));
    }

    /// <summary>Largest size of a disk whose L1 table is not too long.</summary>
    internal static long LargestDisk(int clusterBits)
    {
        int shift = clusterBits + clusterBits - 3 + BitOperations.Log2((ulong)Qcow2Format.MaxL1Bytes / 8);
        return shift >= 61 ? Qcow2Format.MaxDiskBytes : 1L << shift;
    }
}
