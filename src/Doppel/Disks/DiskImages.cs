using Doppel.Devices.Backends.Block;
using Doppel.Devices.Backends.Block.Qcow2;

namespace Doppel.Disks;

/// <summary>
/// What one does with disk images while no machine uses them: make, look at, check, copy, enlarge, commit. Formats are given by name
/// (<c>raw</c>,
/// <c>qcow2</c>, and for reading <c>vpc</c>, <c>vmdk</c>, <c>vdi</c>); null means: as the ending of the file's name has it, raw for all
/// that are not known. Whatever fails is an <see cref="IOException"/> that says which file, why, and what to do. Thread contract: static,
/// no state.
/// </summary>
public static class DiskImages
{
    /// <summary>Makes an empty image.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="creation">How.</param>
    public static void Create(string path, DiskCreation creation)
    {
        ArgumentNullException.ThrowIfNull(creation);
        if (creation.Replace) DiskMaintenance.Replace(path, part => Make(part, creation));
        else Make(path, creation);
    }

    /// <summary>Tells what an image is.</summary>
    public static DiskInformation Inspect(string path, string? format = null)
    {
        DiskDescription found = DiskMaintenance.Describe(path, format);
        return new DiskInformation(found.Path, found.Format, found.VirtualSize, found.FileSize)
        {
            ClusterSize = found.ClusterSize,
            Backing = found.Backing,
            FullBacking = found.FullBacking,
            BackingFormat = found.BackingFormat,
            Qcow2 = found.Qcow2 is not { } more ? null : new DiskInformation.OfQcow2(more.Version, more.RefcountBits, more.Compression)
            {
                LazyRefcounts = more.LazyRefcounts,
                IsDirty = more.IsDirty,
                IsCorrupt = more.IsCorrupt,
                Snapshots =
                [
                    .. more.Snapshots.Select(static s
                        => new DiskInformation.Snapshot(s.Id, s.Name, DateTimeOffset.FromUnixTimeSeconds(s.Seconds), s.StateBytes)),
                ],
            },
        };
    }

    /// <summary>Tells what an image is, then what the one below it is, and so on.</summary>
    public static IReadOnlyList<DiskInformation> InspectChain(string path, string? format = null)
    {
        // Opening finds circles and missing files.
        DiskImage.Open(path, new DiskImageOptions { ReadOnly = true, Format = format }).Dispose();
        List<DiskInformation> chain = [Inspect(path, format)];
        while (chain[^1] is { FullBacking: { } below } top) chain.Add(Inspect(below, top.BackingFormat));
        return chain;
    }

    /// <summary>Checks whether the tables of a qcow2 image agree, and mends what can be mended if that is wanted.</summary>
    /// <returns>What is wrong; after a repair, what is left.</returns>
    public static DiskCheck Check(string path, string? format = null, bool repair = false)
    {
        Qcow2CheckReport report = DiskMaintenance.Check(path, format, repair);
        return new DiskCheck(report.Corruptions, report.Leaks, report.Problems)
        {
            AllocatedClusters = report.AllocatedClusters,
            CompressedClusters = report.CompressedClusters,
            TotalClusters = report.TotalClusters,
            ImageEnd = report.ImageEnd,
        };
    }

    /// <summary>Copies a disk, with all images below it, to a new image.</summary>
    /// <param name="source">Path of the image to copy.</param>
    /// <param name="sourceFormat">Its format.</param>
    /// <param name="target">Path of the new image, which is there when it is complete.</param>
    /// <param name="creation">How the new image is made; the size is that of the source.</param>
    /// <param name="progress">Told how much is done, from 0 to 1.</param>
    /// <param name="cancellation">Ends the copy.</param>
    public static void Convert(
        string source, string? sourceFormat, string target, DiskCreation creation, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(creation);
        if (creation.Format is not ("raw" or "qcow2"))
            throw new DiskImageException($"images of the format {creation.Format} can not be made; use qcow2 or raw");
        Qcow2CreateOptions? options = creation.Format == "qcow2" ? OptionsOf(creation) : null;
        DiskMaintenance.Convert(source, sourceFormat, target, (options, creation.Compress, creation.Replace), progress, cancellation);
    }

    /// <summary>Changes the size of a disk. What is new is zero.</summary>
    /// <param name="path">Path of the image.</param>
    /// <param name="format">Its format.</param>
    /// <param name="size">Given the old size, gives the new one, in bytes; a multiple of 512.</param>
    /// <param name="shrink">True to allow that the end of the disk is lost.</param>
    /// <returns>The new size.</returns>
    public static long Resize(string path, string? format, Func<long, long> size, bool shrink = false)
        => DiskMaintenance.Resize(path, format, size, shrink);

    /// <summary>Writes what an overlay has into the image below it, and empties the overlay.</summary>
    /// <returns>The path of the image below.</returns>
    public static string Commit(string path, string? format = null, IProgress<double>? progress = null, CancellationToken cancellation = default)
        => DiskMaintenance.Commit(path, format, progress, cancellation);

    /// <summary>Puts an overlay over another image.</summary>
    /// <param name="path">Path of the overlay.</param>
    /// <param name="backing">The other image, as it is recorded: a relative path is relative to the folder of the overlay. Null:
    /// none.</param>
    /// <param name="backingFormat">Its format.</param>
    /// <param name="keepContent">True to copy what would read differently over the other image; false to trust that nothing does.</param>
    /// <param name="progress">Told how much is done, from 0 to 1.</param>
    /// <param name="cancellation">Ends the work; the overlay stays over the old image.</param>
    public static void Rebase(
        string path, string? backing, string? backingFormat = null, bool keepContent = true, IProgress<double>? progress = null,
        CancellationToken cancellation = default)
        => DiskMaintenance.Rebase(path, null, (backing, backingFormat), keepContent, progress, cancellation);

    /// <summary>Where a disk has its data, from the beginning to the end.</summary>
    public static IEnumerable<DiskExtent> Map(string path, string? format = null)
    {
        DiskExtent? last = null;
        foreach ((long start, BlockExtent extent) in DiskMaintenance.Map(path, format))
        {
            DiskExtent next = new(start, extent.Length, extent.IsZero, extent.Depth, extent.FileOffset);
            if (last?.Continues(next) == true)
            {
                last = last with { Length = last.Length + next.Length };
                continue;
            }
            if (last is not null) yield return last;
            last = next;
        }
        if (last is not null) yield return last;
    }

    /// <summary>The format that the ending of a name stands for, whether there is such an image or not.</summary>
    public static string FormatOfNew(string path) => DiskImage.FormatOfNew(path);

    /// <summary>The format of an image by the ending of its name.</summary>
    public static string GuessFormat(string path) => DiskImage.GuessFormat(path);

    private static void Make(string path, DiskCreation creation)
    {
        if (creation.Format == "qcow2") Qcow2Image.Create(path, OptionsOf(creation));
        else if (creation.Format != "raw")
            throw new DiskImageException($"images of the format {creation.Format} can not be made; use qcow2 or raw");
        else if (creation.Backing is not null) throw new DiskImageException("a raw image can not have an image below it; use -f qcow2");
        else DiskMaintenance.CreateRaw(path, creation.Size ?? throw new DiskImageException($"the size of {path} is not given"));
    }

    private static Qcow2CreateOptions OptionsOf(DiskCreation creation) => new()
    {
        Size = creation.Size,
        ClusterSize = creation.ClusterSize,
        Version = creation.Version,
        LazyRefcounts = creation.LazyRefcounts,
        Compression = creation.Compression,
        Backing = creation.Backing,
        BackingFormat = creation.BackingFormat,
    };
}
