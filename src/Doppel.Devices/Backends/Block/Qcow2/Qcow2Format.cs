namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Constants of the format, from its specification (QEMU's docs/interop/qcow2.txt; section titles in this folder are that document's).
/// </summary>
internal static class Qcow2Format
{
    internal const uint Magic = 0x5146_49FB;
    internal const int Version2HeaderLength = 72, Version3HeaderLength = 104;
    internal const int MinClusterBits = 9, MaxClusterBits = 21;
    internal const int MaxRefcountOrder = 6;

    // "L1 table entry" and "L2 table entry"; bit 0 is the zero flag of a standard cluster.
    internal const ulong Copied = 1UL << 63, Compressed = 1UL << 62, Zero = 1;
    internal const ulong OffsetMask = 0x00FF_FFFF_FFFF_FE00;

    // Header: incompatible, compatible and auto-clear features.
    internal const ulong DirtyFeature = 1, CorruptFeature = 2, ExternalDataFeature = 4, CompressionFeature = 8, ExtendedL2Feature = 16;
    internal const ulong KnownIncompatible = DirtyFeature | CorruptFeature | ExternalDataFeature | CompressionFeature | ExtendedL2Feature;
    internal const ulong LazyRefcountsFeature = 1;
    internal const ulong BitmapsFeature = 1;

    // "Header extensions".
    internal const uint EndExtension = 0, BackingFormatExtension = 0xE279_2ACA;
    internal const uint FeatureNamesExtension = 0x6803_F857, BitmapsExtension = 0x2385_2875;

    // Tables that are held in memory are bounded: so much of an image's first level covers petabytes with clusters of the usual size.
    internal const long MaxL1Bytes = 32 << 20, MaxRefcountTableBytes = 8 << 20, MaxSnapshotTableBytes = 16 << 20;
    internal const int MaxSnapshots = 65536, MaxBackingPath = 1023;

    // Table entries have 56 bits for a place in the file. Below these no sum of an offset and a length overflows.
    internal const long MaxFileOffset = 1L << 56, MaxDiskBytes = 1L << 61;
}
