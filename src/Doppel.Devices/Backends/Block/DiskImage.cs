using Doppel.Devices.Backends.Block.Foreign;
using Doppel.Devices.Backends.Block.Qcow2;
using Doppel.Host;

namespace Doppel.Devices.Backends.Block;

/// <summary>Opens images of all formats, with the images below them. Thread contract: static, no state.</summary>
public static class DiskImage
{
    private const int MostBelow = 200;

    /// <summary>Opens an image.</summary>
    /// <param name="path">Its path.</param>
    /// <param name="options">How.</param>
    /// <returns>The disk; whoever disposes of it closes all files.</returns>
    /// <exception cref="IOException">A file is not there, can not be opened, is in use, damaged, or of a kind that can not be used; the
    /// message says which, why, and what to do.</exception>
    public static IBlockBackend Open(string path, DiskImageOptions options)
    {
        if (!Path.Exists(path))
            throw new DiskImageException($"there is no file {path}; make an empty disk with `doppel disk create {path} 20G`");
        DiskFormat format = options.Format is { } name ? DiskFormats.Parse(name) : DiskFormats.Guess(path);
        return options.Snapshot ? OpenThrowaway(path, format, options) : Open(path, format, options, []);
    }

    /// <summary>Name of the format that a new file gets if nobody says one: by the ending of its name.</summary>
    public static string FormatOfNew(string path) => DiskFormats.NameOf(DiskFormats.ByName(path));

    /// <summary>Name of the format that a file has if nobody says one: by the ending of its name.</summary>
    /// <exception cref="IOException">It would be raw, and begins as an image of another format does.</exception>
    public static string GuessFormat(string path) => DiskFormats.NameOf(DiskFormats.Guess(path));

    /// <summary>Path of the image below, which is recorded relative to the folder of the one over it.</summary>
    internal static string ResolveBacking(string path, string backing)
    {
        string plain = backing.StartsWith("file:", StringComparison.Ordinal) ? backing["file:".Length..] : backing;
        return Path.GetFullPath(plain, Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Fills in what follows from the image below.</summary>
    internal static Qcow2CreateOptions Complete(string path, Qcow2CreateOptions options)
    {
        if (options.Backing is not { } backing)
            return options.Size is null ? throw new DiskImageException($"the size of {path} is not given") : options;
        string full = ResolveBacking(path, backing);
        if (!Path.Exists(full)) throw new DiskImageException($"there is no file {full} for {path} to lie over");
        using IBlockBackend below = Open(full, new DiskImageOptions { ReadOnly = true, Format = options.BackingFormat });
        string format = options.BackingFormat is { } name ? DiskFormats.NameOf(DiskFormats.Parse(name)) : GuessFormat(full);
        return options with { Size = options.Size ?? (below.Length + 511) / 512 * 512, BackingFormat = format };
    }

    internal static IBlockBackend Open(string path, DiskFormat format, DiskImageOptions options, IReadOnlyList<string> above)
    {
        switch (format)
        {
            case DiskFormat.Raw: return new RawFileBackend(path, options.ReadOnly, options.Cache);
            case DiskFormat.Qcow2: return OpenQcow2(path, options, above);
            default: return OpenForeign(path, format, options);
        }
    }

    private static ForeignImage OpenForeign(string path, DiskFormat format, DiskImageOptions options)
    {
        if (!options.ReadOnly)
            throw new DiskImageException($"{path} is a {DiskFormats.NameOf(format)} image, which can only be read: add ro or "
                + "snapshot=on, or convert it with `doppel disk convert -O qcow2`");
        HostImageFile file = HostImageFile.Open(path, writable: false, options.Cache);
        try
        {
            return new ForeignImage(file, LayoutOf(file, format));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    internal static IForeignLayout LayoutOf(IImageFile file, DiskFormat format) => format switch
    {
        DiskFormat.Vhd => new VhdLayout(file),
        DiskFormat.Vmdk => new VmdkLayout(file),
        _ => new VdiLayout(file),
    };

    private static Qcow2Image OpenQcow2(string path, DiskImageOptions options, IReadOnlyList<string> above)
    {
        HostImageFile file = HostImageFile.Open(path, writable: !options.ReadOnly, options.Cache);
        IBlockBackend? below = null;
        try
        {
            Qcow2Header header = Qcow2HeaderReader.Read(file);
            // Another program had put off writing reference counts and was ended; the other tables are right by the rules of the format.
            if (header.IsDirty && !header.IsCorrupt && !options.ReadOnly) Qcow2Repair.Run(file, header);
            below = OpenBelow(path, header, options, above);
            return new Qcow2Image(file, header, below, writable: !options.ReadOnly);
        }
        catch
        {
            below?.Dispose();
            file.Dispose();
            throw;
        }
    }

    private static IBlockBackend? OpenBelow(string path, Qcow2Header header, DiskImageOptions options, IReadOnlyList<string> above)
    {
        if (header.BackingPath is not { } recorded) return null;
        string below = ResolveBacking(path, recorded);
        List<string> chain = [.. above, Path.GetFullPath(path)];
        if (chain.Contains(below, StringComparer.Ordinal))
            throw new DiskImageException($"{path} lies over {below}, which lies over {path}: one of them names a wrong backing file");
        if (chain.Count > MostBelow)
            throw new DiskImageException($"{chain[0]} has more than {MostBelow} images below it; join them with `doppel disk convert`");
        if (!Path.Exists(below))
            throw new DiskImageException($"{path} lies over {below}, which is not there; say where it is now with `doppel disk rebase -u -b FILE "
                + $"{path}`");
        try
        {
            DiskFormat format = header.BackingFormat is { } name ? DiskFormats.Parse(name) : GuessBelow(path, recorded, below);
            return Open(below, format, options with { ReadOnly = true, Format = null }, chain);
        }
        catch (IOException e) when (above.Count == 0)
        {
            throw new DiskImageException($"The backing file of {path} can not be used: {e.Message}", e);
        }
    }

    private static DiskFormat GuessBelow(string path, string recorded, string below)
    {
        try
        {
            return DiskFormats.Guess(below);
        }
        catch (DiskImageException e)
        {
            throw new DiskImageException("its format is not recorded, and can not be told by its name; record it with `doppel disk "
                + $"rebase -b {recorded} -F FORMAT {path}`", e);
        }
    }

    // The file has no name any more when the guest starts, so nothing of it stays, however the process ends.
    private static Qcow2Image OpenThrowaway(string path, DiskFormat format, DiskImageOptions options)
    {
        string overlay = Path.Combine(Path.GetTempPath(), $"doppel-{Guid.NewGuid():N}.qcow2");
        Qcow2Image.CreateOverlay(overlay, Path.GetFullPath(path), DiskFormats.NameOf(format));
        HostFileCache cache = options.Cache == HostFileCache.Used ? HostFileCache.NeverFlushed : options.Cache;
        try
        {
            return OpenQcow2(overlay, options with { ReadOnly = false, Snapshot = false, Cache = cache }, []);
        }
        finally
        {
            File.Delete(overlay);
        }
    }
}
