namespace Doppel.Devices.Backends.Block;

/// <summary>What an image is.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Format">Name of its format.</param>
/// <param name="VirtualSize">Size of the disk in bytes.</param>
/// <param name="FileSize">Bytes of storage that the file takes; null if the host does not tell.</param>
public sealed record DiskDescription(string Path, string Format, long VirtualSize, long? FileSize)
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
    public Qcow2Description? Qcow2 { get; init; }
}

/// <summary>What only a qcow2 image has.</summary>
/// <param name="Version">2 or 3.</param>
/// <param name="RefcountBits">Bits of a reference count.</param>
/// <param name="Compression">How compressed clusters are compressed: <c>zlib</c> or <c>zstd</c>.</param>
public sealed record Qcow2Description(int Version, int RefcountBits, string Compression)
{
    /// <summary>True if programs may put off writing reference counts.</summary>
    public bool LazyRefcounts { get; init; }

    /// <summary>True if the image was not closed, so that its reference counts may be wrong.</summary>
    public bool IsDirty { get; init; }

    /// <summary>True if damage was found.</summary>
    public bool IsCorrupt { get; init; }

    /// <summary>Internal snapshots: number, name, time in seconds since 1970, bytes of machine state.</summary>
    public IReadOnlyList<(string Id, string Name, long Seconds, long StateBytes)> Snapshots { get; init; } = [];
}
