using System.Globalization;

namespace Doppel.Cli.Syntax;

/// <summary>A disk as it is typed: <c>FILE[,ro][,KEY=VALUE...]</c>; a comma in the file's name is typed twice, as in QEMU.</summary>
internal static class DiskSyntax
{
    internal const string Example = "for instance --disk root.img or --disk data.img,ro,cache=none";

    private static readonly Dictionary<string, DiskCache> s_caches = new(StringComparer.Ordinal)
    {
        ["writeback"] = DiskCache.Writeback,
        ["none"] = DiskCache.None,
        ["writethrough"] = DiskCache.WriteThrough,
        ["directsync"] = DiskCache.DirectSync,
        ["unsafe"] = DiskCache.Unsafe,
    };

    private static readonly Dictionary<string, DiskDiscard> s_discards = new(StringComparer.Ordinal)
    {
        ["unmap"] = DiskDiscard.Unmap,
        ["ignore"] = DiskDiscard.Ignore,
    };

    private static readonly Dictionary<string, DiskFull> s_fulls = new(StringComparer.Ordinal)
    {
        ["wait"] = DiskFull.Wait,
        ["fail"] = DiskFull.Fail,
    };

    private static readonly Dictionary<string, DiskZeroDetection> s_detections = new(StringComparer.Ordinal)
    {
        ["off"] = DiskZeroDetection.Off,
        ["on"] = DiskZeroDetection.On,
        ["unmap"] = DiskZeroDetection.Unmap,
    };

    private static readonly Dictionary<string, bool> s_switch = new(StringComparer.Ordinal) { ["on"] = true, ["off"] = false };

    private static readonly Key[] s_keys =
    [
        new("readonly", "on or off", Word(s_switch, static (d, v) => d with { ReadOnly = v })),
        new("format", "the name of a format", static (d, v) => d with { Format = v }),
        new("snapshot", "on or off", Word(s_switch, static (d, v) => d with { Snapshot = v })),
        new("cache", string.Join(", ", s_caches.Keys), Word(s_caches, static (d, v) => d with { Cache = v })),
        new("discard", "unmap or ignore", Word(s_discards, static (d, v) => d with { Discard = v })),
        new("full", "wait or fail", Word(s_fulls, static (d, v) => d with { WhenFull = v })),
        new("detect-zeroes", "off, on or unmap", Word(s_detections, static (d, v) => d with { DetectZeroes = v })),
        new("serial", "at most 20 letters, digits and signs", static (d, v) => d with { Serial = v }),
        new("queues", "a number from 1 to 16", Count(static (d, v) => v is < 1 or > DiskConfig.MaxQueues ? null : d with { Queues = (int)v })),
        new("iops", "requests in a second", Count(Rate(static (r, v) => r with { Requests = v }))),
        new("iops-rd", "reads in a second", Count(Rate(static (r, v) => r with { Reads = v }))),
        new("iops-wr", "writes in a second", Count(Rate(static (r, v) => r with { Writes = v }))),
        new("bps", "bytes in a second, as in 10M", Bytes(Rate(static (r, v) => r with { Bytes = v }))),
        new("bps-rd", "bytes in a second, as in 10M", Bytes(Rate(static (r, v) => r with { ReadBytes = v }))),
        new("bps-wr", "bytes in a second, as in 10M", Bytes(Rate(static (r, v) => r with { WrittenBytes = v }))),
        new("burst", "a time, as in 2s", Burst),
    ];

    /// <summary>Reads a disk; null with a sentence for people if it is none.</summary>
    internal static DiskConfig? TryParse(string text, out string problem)
    {
        string[] words = text.Replace(",,", "\0", StringComparison.Ordinal).Split(',');
        DiskConfig disk = new(words[0].Replace('\0', ','));
        problem = disk.Path.Length == 0 ? $"the file's name is missing, {Example}" : "";
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (string word in words.Skip(1))
        {
            if (problem.Length != 0) return null;
            disk = Apply(disk, word switch { "ro" => "readonly=on", "rw" => "readonly=off", _ => word.Replace('\0', ',') }, seen, ref problem);
        }
        return problem.Length == 0 ? disk : null;
    }

    private static DiskConfig Apply(DiskConfig disk, string word, HashSet<string> seen, ref string problem)
    {
        int equals = word.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? word : word[..equals];
        Key? key = s_keys.FirstOrDefault(k => k.Name == name);
        DiskConfig? changed = equals < 0 || equals == word.Length - 1 ? null : key?.Apply(disk, word[(equals + 1)..]);
        string known = string.Join(", ", s_keys.Select(static k => k.Name));
        if (key is null) problem = $"there is no '{name}'; there are ro, {known}; a comma in a file's name is typed twice";
        else if (!seen.Add(name)) problem = $"'{name}' is there twice";
        else if (changed is null) problem = $"{name} is {key.Values}";
        return changed ?? disk;
    }

    private static Func<DiskConfig, string, DiskConfig?> Word<T>(Dictionary<string, T> words, Func<DiskConfig, T, DiskConfig> apply)
        => (disk, value) => words.TryGetValue(value, out T? word) ? apply(disk, word) : null;

    private static Func<DiskConfig, long, DiskConfig?> Rate(Func<DiskLimits, long, DiskLimits> apply)
        => (disk, value) => value == 0 ? null : disk with { Limits = apply(disk.Limits, value) };

    private static Func<DiskConfig, string, DiskConfig?> Count(Func<DiskConfig, long, DiskConfig?> apply)
        => (disk, value) => long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? apply(disk, number) : null;

    // A plain number counts bytes; the letters are those of --memory.
    private static Func<DiskConfig, string, DiskConfig?> Bytes(Func<DiskConfig, long, DiskConfig?> apply)
        => (disk, value) =>
            MemorySize.TryParse(char.IsAsciiDigit(value[^1]) ? value + "B" : value, out ulong bytes) ? apply(disk, (long)bytes) : null;

    private static DiskConfig? Burst(DiskConfig disk, string value)
        => Duration.TryParse(value, out TimeSpan time) ? disk with { Limits = disk.Limits with { Burst = time } } : null;

    private sealed record Key(string Name, string Values, Func<DiskConfig, string, DiskConfig?> Apply);
}
