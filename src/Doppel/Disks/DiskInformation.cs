namespace Doppel.Disks;

/// <summary>How a new image is made.</summary>
/// <param name="Format">Its format: <c>raw</c> or <c>qcow2</c>.</param>
public sealed record DiskCreation(string Format)
{
    /// <summary>Size of the disk in bytes, a multiple of 512. Null: that of the image below.</summary>
    public long? Size { get; init; }

    /// <summary>qcow2: bytes of a cluster, a power of two from 512 to 2 MiB.</summary>
    public int ClusterSize { get; init; } = 64 << 10;

    /// <summary>qcow2: 3, or 2 for programs from before 2010.</summary>
    public int Version { get; init; } = 3;

    /// <summary>qcow2: true to let other programs put off writing reference counts.</summary>
    public bool LazyRefcounts { get; init; }

    /// <summary>qcow2: how compressed clusters are compressed, <c>zlib</c> or, by the host's libzstd, <c>zstd</c>.</summary>
    public string Compression { get; init; } = "zlib";

    /// <summary>qcow2: the image below, as it is recorded; a relative path is relative to the folder of the new image.</summary>
    public string? Backing { get; init; }

    /// <summary>qcow2: format of the image below. Null: as the ending of its name has it.</summary>
    public string? BackingFormat { get; init; }

    /// <summary>qcow2, where a disk is copied: true to compress it.</summary>
    public bool Compress { get; init; }

    /// <summary>
    /// True to put it in the place of an image that is there and that nobody uses; that one stays until the new one is complete.
    /// </summary>
    public bool Replace { get; init; }
}

/// <summary>What an image is.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Format">Name of its format.</param>
/// <param name="VirtualSize">Size of the disk in bytes.</param>
/// <param name="FileSize">Bytes of storage that the file takes; null if the host does not tell.</param>
public sealed record DiskInformation(string Path, string Format, long VirtualSize, long? FileSize)
{
    /// <summary>Bytes of a cluster, where the format has them.</summary>
    public int? ClusterSize { get; init; }

    /// <summary>The image below, as it is recorded.</summary>
    public string? Backing { get; init; }

    /// <summary>The path of the image below.</summary>
    public string? FullBacking { get; init; }

    /// <summary>Format of the image below, if it is recorded.</summary>
    public string? BackingFormat { get; init; }

    /// <summary>More, for a qcow2 image.</summary>
    public OfQcow2? Qcow2 { get; init; }

    /// <summary>What only a qcow2 image has.</summary>
    /// <param name="Version">2 or 3.</param>
    /// <param name="RefcountBits">Bits of a reference count.</param>
    /// <param name="Compression">How compressed clusters are compressed: <c>zlib</c> or <c>zstd</c>.</param>
    public sealed record OfQcow2(int Version, int RefcountBits, string Compression)
    {
        /// <summary>True if programs may put off writing reference counts.</summary>
        public bool LazyRefcounts { get; init; }

        /// <summary>True if the image was not closed, so that its reference counts may be wrong.</summary>
        public bool IsDirty { get; init; }

        /// <summary>True if damage was found.</summary>
        public bool IsCorrupt { get; init; }

        /// <summary>Internal snapshots.</summary>
        public IReadOnlyList<Snapshot> Snapshots { get; init; } = [];
    }

    /// <summary>An internal snapshot.</summary>
    /// <param name="Id">Its number, as text.</param>
    /// <param name="Name">Its name.</param>
    /// <param name="Time">When it was made.</param>
    /// <param name="StateBytes">Size of the machine's state with it, in bytes; zero if it has none.</param>
    public sealed record Snapshot(string Id, string Name, DateTimeOffset Time, long StateBytes);
}

/// <summary>What a check of an image has found.</summary>
/// <param name="Corruptions">Places where the tables do not agree, so that data is or may be lost.</param>
/// <param name="Leaks">Clusters that are counted and not used: space that is lost, and nothing else.</param>
/// <param name="Problems">The first of the problems, in words.</param>
public sealed record DiskCheck(long Corruptions, long Leaks, IReadOnlyList<string> Problems)
{
    /// <summary>Clusters of the disk that are in this image.</summary>
    public long AllocatedClusters { get; init; }

    /// <summary>Those of them that are compressed.</summary>
    public long CompressedClusters { get; init; }

    /// <summary>Clusters that the disk has.</summary>
    public long TotalClusters { get; init; }

    /// <summary>Where the part of the file ends that is used, in bytes.</summary>
    public long ImageEnd { get; init; }
}

/// <summary>A stretch of a disk that is kept in one way.</summary>
/// <param name="Start">First byte.</param>
/// <param name="Length">Length in bytes.</param>
/// <param name="IsZero">True if it is known to read as zero.</param>
/// <param name="Depth">How many images below the first it is kept.</param>
/// <param name="FileOffset">Where the file has it, byte for byte; null if it is compressed or nowhere.</param>
public sealed record DiskExtent(long Start, long Length, bool IsZero, int Depth, long? FileOffset)
{
    internal bool Continues(DiskExtent next)
        => IsZero == next.IsZero && Depth == next.Depth && (FileOffset is { } offset ? next.FileOffset == offset + Length : next.FileOffset is null);
}
