namespace Doppel.Images;

/// <summary>An image on this host, ready to boot. Thread contract: immutable.</summary>
public sealed class Image
{
    internal Image(ImageManifest manifest, string kernelPath, string initrdPath, string? diskPath = null)
    {
        DiskPath = diskPath;
        Manifest = manifest;
        KernelPath = kernelPath;
        InitrdPath = initrdPath;
    }

    /// <summary>What the image is and what it was made of.</summary>
    public ImageManifest Manifest { get; }

    /// <summary>Path of the kernel.</summary>
    public string KernelPath { get; }

    /// <summary>Path of the initial file system.</summary>
    public string InitrdPath { get; }

    /// <summary>
    /// Path of the root disk, or null for an image that has none. It is for reading only: a machine gets a copy or an overlay as its first disk.
    /// </summary>
    public string? DiskPath { get; }

    /// <summary>
    /// Archives that follow <see cref="InitrdPath"/> in memory: this version's guest scripts where the cached ones are of another
    /// version (a later archive replaces files of an earlier one), and the command, if any.
    /// </summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> ExtraInitrds(GuestCommand? command)
    {
        var archives = new List<ReadOnlyMemory<byte>>();
        if (Manifest.GuestFiles != GuestFiles.Digest()) archives.Add(GuestFiles.ToInitrd());
        if (command is not null) archives.Add(command.ToInitrd());
        return archives;
    }
}
