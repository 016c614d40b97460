namespace Doppel.Images;

/// <summary>A root disk of the store: a raw image with an ext4 file system and no partitions, that nobody writes to.</summary>
/// <param name="Digest">Name of the content: SHA-256 over the length and the blocks of 1 MiB that are not zero, lower-case hexadecimal.</param>
/// <param name="Size">Size of the disk in bytes.</param>
/// <param name="Stored">Bytes of it that are not zero, in blocks of 1 MiB: about what it takes on the host.</param>
public sealed record RootDisk(string Digest, long Size, long Stored);

/// <summary>A disk as it was after one step, so that the step need not be done again. Immutable.</summary>
internal sealed record ImageLayer
{
    /// <summary>What it is found by: a digest of the step and of all before it.</summary>
    public required string Key { get; init; }

    /// <summary>Keys of the layers before it, the first one first.</summary>
    public required IReadOnlyList<string> Parents { get; init; }

    /// <summary>The step, for people.</summary>
    public required string Step { get; init; }

    /// <summary>The disk.</summary>
    public required RootDisk Disk { get; init; }

    /// <summary>The status file of the dpkg on the disk; empty where there is none.</summary>
    public required ImageBlob PackageStatus { get; init; }

    /// <summary>The packages that apt brought, with their digests.</summary>
    public required IReadOnlyList<ImagePackage> Packages { get; init; }

    /// <summary>Its key and those before it.</summary>
    internal IReadOnlyList<string> Chain => [.. Parents, Key];
}

/// <summary>The tools of the machine that builds disks.</summary>
/// <param name="Packages">What they were taken from.</param>
/// <param name="Archive">The archive.</param>
internal sealed record BuilderToolsRecord(IReadOnlyList<ImagePackage> Packages, ImageBlob Archive);
