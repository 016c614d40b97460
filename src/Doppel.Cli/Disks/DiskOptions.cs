using Doppel.Cli.Output;
using Doppel.Cli.Syntax;
using Doppel.Disks;

namespace Doppel.Cli.Disks;

/// <summary>Options of new images as they are typed.</summary>
internal static class DiskOptions
{
    /// <summary>A size.</summary>
    internal static long Size(string text)
        => DiskSize.TryParse(text, out long bytes) ? bytes : throw CliException.Usage($"{text} is no size", DiskSize.Example);

    /// <summary>Applies a list like <c>cluster_size=4k,compat=0.10</c>.</summary>
    internal static DiskCreation Apply(DiskCreation creation, string? list)
    {
        foreach (string option in (list ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries)) creation = ApplyOne(creation, option);
        return creation;
    }

    private static DiskCreation ApplyOne(DiskCreation creation, string option)
    {
        string[] words = option.Split('=', 2);
        return (words[0], words.Length > 1 ? words[1] : "") switch
        {
            ("cluster_size", var size) when Size(size) <= int.MaxValue => creation with { ClusterSize = (int)Size(size) },
            ("compat", "0.10" or "v2") => creation with { Version = 2 },
            ("compat", "1.1" or "v3") => creation with { Version = 3 },
            ("lazy_refcounts", "on") => creation with { LazyRefcounts = true },
            ("compression_type", "zlib" or "zstd") => creation with { Compression = words[1] },
            ("lazy_refcounts", "off") => creation with { LazyRefcounts = false },
            _ => throw CliException.Usage($"-o {option} is not known", "there are cluster_size=SIZE, compat=0.10 or 1.1, "
                + "lazy_refcounts=on or off, compression_type=zlib or zstd"),
        };
    }
}
