using Doppel.Devices.Backends.Block.Qcow2;
using Doppel.Host;

namespace Doppel.Devices.Backends.Block;

/// <summary>
/// What one does with images while no machine uses them. Formats are given by name; null means: as the ending of the file's name has it.
/// Errors are <see cref="IOException"/>s whose messages say which file, why, and what to do. Thread contract: static, no state.
/// </summary>
public static class DiskMaintenance
{
    /// <summary>Tells what an image is.</summary>
    public static DiskDescription Describe(string path, string? format)
    {
        DiskFormat kind = Kind(path, format);
        if (kind == DiskFormat.Qcow2) return DescribeQcow2(path);
        using IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions { ReadOnly = true, Format = DiskFormats.NameOf(kind) });
        return new DiskDescription(path, DiskFormats.NameOf(kind), disk.Length, HostFileSpace.Of(path));
    }

    /// <summary>
    /// Compares the reference counts of a qcow2 image with what its tables say, and mends what can be mended if that is wanted.
    /// </summary>
    /// <returns>What is wrong; after a repair, what is left.</returns>
    public static Qcow2CheckReport Check(string path, string? format, bool repair)
    {
        if (Kind(path, format) != DiskFormat.Qcow2)
            throw new DiskImageException($"{path} is no qcow2 image; other formats have nothing to check");
        using HostImageFile file = HostImageFile.Open(path, writable: repair);
        if (repair) Qcow2Repair.Run(file, Qcow2HeaderReader.Read(file));
        Qcow2Checker checker = new(file, Qcow2HeaderReader.Read(file));
        checker.Check();
        return checker.Report;
    }

    /// <summary>Makes an empty raw image.</summary>
    public static void CreateRaw(string path, long size)
    {
        using HostImageFile file = HostImageFile.CreateNew(path);
        try
        {
            file.SetLength(size);
        }
        catch (IOException e)
        {
            File.Delete(path);
            throw new DiskImageException($"{path} can not have {size} bytes: {e.Message}", e);
        }
    }

    /// <summary>Copies a disk, with all images below it, to a new image.</summary>
    /// <param name="source">Path of the image to copy.</param>
    /// <param name="sourceFormat">Its format.</param>
    /// <param name="target">Path of the new image, which is there when it is complete.</param>
    /// <param name="options">How the new image is made if it is to be qcow2, null for a raw one; the size is filled in. Whether to compress
    /// it, and whether it takes the place of what is there under its path.</param>
    /// <param name="progress">Told how much is done, from 0 to 1.</param>
    /// <param name="cancellation">Ends the copy; the new image is removed.</param>
    public static void Convert(
        string source, string? sourceFormat, string target, (Qcow2CreateOptions? Qcow2, bool Compress, bool Replace) options,
        IProgress<double>? progress, CancellationToken cancellation)
    {
        if (options.Compress && options.Qcow2 is null) throw new DiskImageException("a raw image can not be compressed; use -O qcow2");
        if (options is { Compress: true, Qcow2.Compression: Qcow2Creator.Zstd } && !HostZstd.IsAvailable)
            throw new DiskImageException("this host has no libzstd.so.1 to compress by zstd; install the package libzstd1, or leave compression_type out");
        using IBlockBackend from = DiskImage.Open(source, new DiskImageOptions { ReadOnly = true, Format = sourceFormat });
        long size = (from.Length + 511) / 512 * 512;
        if (File.Exists(target) && !options.Replace) throw HostImageFile.ExistsAlready(target);
        using HostImageFile? old = Hold(target);
        // Whoever finds the target finds all of it, even if the copy is killed.
        string part = PartOf(target);
        if (options.Qcow2 is null) CreateRaw(part, from.Length);
        else Qcow2Image.Create(part, options.Qcow2 with { Size = size, Backing = null, BackingFormat = null });
        try
        {
            Copy(from, part, options, progress, cancellation);
            File.Move(part, target, options.Replace);
        }
        catch
        {
            File.Delete(part);
            throw;
        }
    }

    /// <summary>Makes an image in the place of one that is there; if that fails, the old one stays.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="create">Makes it under the path that it is given.</param>
    public static void Replace(string path, Action<string> create)
    {
        using HostImageFile? old = Hold(path);
        string part = PartOf(path);
        try
        {
            create(part);
            File.Move(part, path, overwrite: true);
        }
        finally
        {
            File.Delete(part);
        }
    }

    /// <summary>Changes the size of a disk.</summary>
    /// <param name="path">Path of the image.</param>
    /// <param name="format">Its format.</param>
    /// <param name="size">Bytes, a multiple of 512; given the old size, gives the new one.</param>
    /// <param name="shrink">True to allow that the end of the disk is lost.</param>
    /// <returns>The new size.</returns>
    public static long Resize(string path, string? format, Func<long, long> size, bool shrink)
    {
        DiskFormat kind = Kind(path, format);
        if (kind is not (DiskFormat.Raw or DiskFormat.Qcow2))
            throw new DiskImageException($"{path} can only be read; convert it to qcow2 first");
        using IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions { Format = DiskFormats.NameOf(kind) });
        long wanted = size(disk.Length);
        if (wanted < 0 || wanted % 512 != 0) throw new DiskImageException($"a disk can not have {wanted} bytes; use a multiple of 512");
        if (wanted < disk.Length && !shrink)
            throw new DiskImageException($"{path} would lose what lies behind {wanted} bytes; make the file system in it smaller first, "
                + "then add --shrink");
        if (disk is Qcow2Image image)
        {
            image.Resize(wanted);
            return wanted;
        }
        disk.Dispose();
        using HostImageFile file = HostImageFile.Open(path, writable: true);
        file.SetLength(wanted);
        return wanted;
    }

    /// <summary>Writes what an overlay has into the image below it, and empties the overlay.</summary>
    /// <returns>The path of the image below.</returns>
    public static string Commit(string path, string? format, IProgress<double>? progress, CancellationToken cancellation)
    {
        if (Kind(path, format) != DiskFormat.Qcow2)
            throw new DiskImageException($"{path} is no qcow2 image, so it has no image below it to commit to");
        DiskDescription description = DescribeQcow2(path);
        string below = description.FullBacking ?? throw new DiskImageException($"{path} has no image below it to commit to");
        string belowFormat = DiskFormats.NameOf(Kind(below, description.BackingFormat));
        if (belowFormat is not ("raw" or "qcow2"))
            throw new DiskImageException($"{below} can only be read; convert {path} to a new image instead");
        using (HostImageFile file = HostImageFile.Open(path, writable: true))
        {
            Qcow2Header header = Qcow2HeaderReader.Read(file);
            if (header.SnapshotCount > 0)
                throw new DiskImageException($"{path} has internal snapshots, which would lose their meaning; convert it to a new image "
                    + "instead");
            if (header.IsDirty) Qcow2Repair.Run(file, header);
            using IBlockBackend under = OpenTarget(below, belowFormat, header.Size);
            // The overlay reads nothing from below here: only what it has itself is copied. Both are open, so nobody else changes them.
            using Qcow2Image overlay = new(file, header, new Hidden(under), writable: true);
            DiskCommit.Run(overlay, under, progress, cancellation);
            overlay.Change(static allocation => allocation.MakeEmpty());
            overlay.Flush();
        }
        return below;
    }

    /// <summary>Puts an overlay over another image.</summary>
    /// <param name="path">Path of the overlay.</param>
    /// <param name="format">Its format.</param>
    /// <param name="backing">The other image, as it is recorded, and its format; the path is null for none.</param>
    /// <param name="keepContent">True to copy what would read differently over the other image; false to trust that nothing does.</param>
    /// <param name="progress">Told how much is done, from 0 to 1.</param>
    /// <param name="cancellation">Ends the work; the overlay stays over the old image.</param>
    public static void Rebase(
        string path, string? format, (string? Path, string? Format) backing, bool keepContent, IProgress<double>? progress,
        CancellationToken cancellation)
    {
        if (Kind(path, format) != DiskFormat.Qcow2)
            throw new DiskImageException($"{path} is no qcow2 image, so it can not lie over another one");
        string? below = backing.Path is { } recorded ? DiskImage.ResolveBacking(path, recorded) : null;
        if (below == Path.GetFullPath(path)) throw new DiskImageException($"{path} can not lie over itself");
        string? belowFormat = below is null ? null : DiskFormats.NameOf(Kind(below, backing.Format));
        using IBlockBackend? next = below is null ? null : DiskImage.Open(below, new DiskImageOptions { ReadOnly = true, Format = belowFormat });
        if (keepContent)
        {
            using Qcow2Image overlay = (Qcow2Image)DiskImage.Open(path, new DiskImageOptions { Format = "qcow2" });
            if (overlay.Metadata.Header.SnapshotCount > 0)
                throw new DiskImageException($"{path} has internal snapshots, which would read differently over another image; convert it "
                    + "to a new image instead");
            DiskRebase.CopyDifferences(overlay, next, progress, cancellation);
        }
        using HostImageFile file = HostImageFile.Open(path, writable: true);
        Qcow2BackingRecord.Write(file, Qcow2HeaderReader.Read(file), backing.Path, belowFormat);
    }

    /// <summary>Where a disk has its data, from the beginning to the end.</summary>
    public static IEnumerable<(long Start, BlockExtent Extent)> Map(string path, string? format)
    {
        using IBlockBackend disk = DiskImage.Open(path, new DiskImageOptions { ReadOnly = true, Format = format });
        for (long at = 0; at < disk.Length;)
        {
            BlockExtent extent = disk is IBlockMap map ? map.FindExtent(at, disk.Length - at) : new BlockExtent(disk.Length, IsZero: false, 0, null);
            yield return (at, extent);
            at += extent.Length;
        }
    }

    // Locks what is to be replaced, so that nobody uses it, and it does not become the image below the new one.
    private static HostImageFile? Hold(string path)
    {
        if (!File.Exists(path)) return null;
        return HostFileKind.IsPlain(path) ? HostImageFile.Open(path, writable: true) : throw HostImageFile.ExistsAlready(path);
    }

    // What an earlier try has left there goes.
    private static string PartOf(string path)
    {
        string part = path + ".part";
        Hold(part)?.Dispose();
        File.Delete(part);
        return part;
    }

    private static DiskFormat Kind(string path, string? format) => format is null ? DiskFormats.Guess(path) : DiskFormats.Parse(format);

    private static DiskDescription DescribeQcow2(string path)
    {
        using HostImageFile file = HostImageFile.Open(path, writable: false);
        Qcow2Header header = Qcow2HeaderReader.Read(file);
        return new DiskDescription(path, "qcow2", header.Size, HostFileSpace.Of(path))
        {
            ClusterSize = header.ClusterBytes,
            Backing = header.BackingPath,
            FullBacking = header.BackingPath is { } backing ? DiskImage.ResolveBacking(path, backing) : null,
            BackingFormat = header.BackingFormat,
            Qcow2 = new Qcow2Description(header.Version, header.RefcountBits, header.CompressionType == Qcow2CompressionType.Zstd ? Qcow2Creator.Zstd : "zlib")
            {
                LazyRefcounts = (header.Compatible & Qcow2Format.LazyRefcountsFeature) != 0,
                IsDirty = header.IsDirty,
                IsCorrupt = header.IsCorrupt,
                Snapshots = [.. Qcow2Snapshot.ReadAll(file, header, out _).Select(static s => (s.Id, s.Name, s.Seconds, s.StateBytes))],
            },
        };
    }

    private static void Copy(
        IBlockBackend from, string target, (Qcow2CreateOptions? Qcow2, bool Compress, bool Replace) options, IProgress<double>? progress,
        CancellationToken cancellation)
    {
        if (options.Qcow2 is null)
        {
            using RawFileBackend raw = new(target, readOnly: false);
            DiskCopy.Run(from, raw, compressed: null, progress, cancellation);
            raw.Flush();
            return;
        }
        HostImageFile file = HostImageFile.Open(target, writable: true);
        using Qcow2Image image = new(file, Qcow2HeaderReader.Read(file), backing: null, writable: true);
        DiskCopy.Run(from, image, options.Compress ? new Qcow2CompressedWriter(image, file) : null, progress, cancellation);
        image.Flush();
    }

    // An overlay may have been made larger since.
    private static IBlockBackend OpenTarget(string path, string format, long size)
    {
        if (Describe(path, format).VirtualSize < size) Resize(path, format, _ => size, shrink: false);
        return DiskImage.Open(path, new DiskImageOptions { Format = format });
    }

    // The same disk below, which the overlay does not close.
    private sealed class Hidden(IBlockBackend disk) : IBlockBackend
    {
        public long Length => disk.Length;

        public bool IsReadOnly => true;

        public bool IsConcurrent => disk.IsConcurrent;

        public void Read(long offset, ReadOnlySpan<HostBuffer> buffers) => disk.Read(offset, buffers);

        public void Write(long offset, ReadOnlySpan<HostBuffer> buffers)
            => throw new HostException("the image below is open for reading only");

        public void Flush()
        {
            // Nothing is written here.
        }

        public void Discard(long offset, long length)
        {
            // As little as that is promised.
        }

        public void WriteZeroes(long offset, long length, bool mayUnmap)
            => throw new HostException("the image below is open for reading only");

        public void Dispose()
        {
            // Not ours to close.
        }
    }
}
