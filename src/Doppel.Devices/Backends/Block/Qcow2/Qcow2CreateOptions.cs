namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>How a new qcow2 image is made.</summary>
public sealed record Qcow2CreateOptions
{
    /// <summary>Size of the disk in bytes. Null: that of the backing image.</summary>
    public long? Size { get; init; }

    /// <summary>Bytes of a cluster: a power of two from 512 to 2 MiB.</summary>
    public int ClusterSize { get; init; } = 64 << 10;

    /// <summary>Version of the format: 3, or 2 for programs from before 2010.</summary>
    public int Version { get; init; } = 3;

    /// <summary>True to mark the image so that other programs may put off writing reference counts. Doppel never does.</summary>
    public bool LazyRefcounts { get; init; }

    /// <summary>How compressed clusters are compressed: <c>zlib</c>, which every program reads, or <c>zstd</c>, which unpacks faster.</summary>
    public string Compression { get; init; } = "zlib";

    /// <summary>The image below, as it is recorded: a relative path is relative to the folder of the new image. Null: none.</summary>
    public string? Backing { get; init; }

    /// <summary>Format of the image below: <c>raw</c>, <c>qcow2</c>. Must be given with <see cref="Backing"/>.</summary>
    public string? BackingFormat { get; init; }
}
