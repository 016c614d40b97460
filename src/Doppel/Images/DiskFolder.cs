using Doppel.Host;
using Doppel.Images.Roots;

namespace Doppel.Images;

/// <summary>
/// Disk images named by their content, with holes where they are zero, and not to be written to. One appears under its name only when it is
/// complete. Thread contract: reading from any thread; writing by the holder of the store's lock.
/// </summary>
internal sealed class DiskFolder(string folder)
{
    private const UnixFileMode ReadOnly = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    public string PathOf(RootDisk disk) => Path.Combine(folder, disk.Digest + ".raw");

    /// <summary>True if the disk is there and has the right length.</summary>
    public bool Has(RootDisk disk) => new FileInfo(PathOf(disk)) is { Exists: true } file && file.Length == disk.Size;

    /// <summary>True if the disk has the right content.</summary>
    public bool Verify(RootDisk disk, CancellationToken cancellation) =>
        Has(disk) && DiskDigest.Compute(PathOf(disk), cancellation).Digest == disk.Digest;

    /// <summary>Takes over a finished image; the file is moved.</summary>
    public RootDisk Store(string path, CancellationToken cancellation)
    {
        (string digest, long stored) = DiskDigest.Compute(path, cancellation);
        var disk = new RootDisk(digest, new FileInfo(path).Length, stored);
        Directory.CreateDirectory(folder);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, ReadOnly);
        File.Move(path, PathOf(disk), overwrite: true);
        return disk;
    }

    /// <summary>Copies a disk to a path that is not in use, to be written to.</summary>
    public void CopyTo(RootDisk disk, string path, CancellationToken cancellation) => SparseFile.Clone(PathOf(disk), path, cancellation);

    /// <summary>Deletes a disk.</summary>
    public void Remove(RootDisk disk) => File.Delete(PathOf(disk));

    /// <summary>Deletes what is not in use.</summary>
    public void Prune(IEnumerable<string> digestsInUse)
    {
        if (!Directory.Exists(folder)) return;
        var keep = digestsInUse.ToHashSet(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(folder).Where(file => !keep.Contains(Path.GetFileNameWithoutExtension(file)))) File.Delete(file);
    }
}
