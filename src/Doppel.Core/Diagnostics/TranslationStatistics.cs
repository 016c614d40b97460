namespace Doppel.Core.Diagnostics;

/// <summary>What a translating engine has done so far: one value for each of its caches, or the sum of several.</summary>
public sealed record TranslationStatistics
{
    /// <summary>Straight lines translated quickly, and regions translated by the optimiser.</summary>
    public ulong Units { get; init; }

    /// <summary>Regions translated by the optimiser.</summary>
    public ulong Regions { get; init; }

    /// <summary>Guest instructions in all of them together; what was translated twice counts twice.</summary>
    public ulong GuestInstructions { get; init; }

    /// <summary>Host code emitted, in bytes.</summary>
    public ulong CodeBytes { get; init; }

    /// <summary>Memory that describes the translations there are now, in bytes; an estimate.</summary>
    public ulong MetadataBytes { get; init; }

    /// <summary>Direct jumps that were linked.</summary>
    public ulong Links { get; init; }

    /// <summary>Times that the code cache was full and was emptied.</summary>
    public ulong CacheFlushes { get; init; }

    /// <summary>Host time that processors of the guest have waited for translations, in seconds.</summary>
    public double TranslateSeconds { get; init; }

    /// <summary>Host time that the optimiser has used on threads of its own, in seconds.</summary>
    public double OptimiseSeconds { get; init; }

    /// <summary>Calls from generated code into the host's, by name.</summary>
    public IReadOnlyList<KeyValuePair<string, ulong>> HelperCalls { get; init; } = [];

    /// <summary>Instructions that generated code has left to the interpreter, by name, most frequent first.</summary>
    public IReadOnlyList<KeyValuePair<string, ulong>> Interpreted { get; init; } = [];

    /// <summary>Host code and metadata for each guest instruction, in bytes.</summary>
    public double BytesPerInstruction => GuestInstructions == 0 ? 0 : (CodeBytes + (double)MetadataBytes) / GuestInstructions;

    /// <summary>Adds several up; null if there is none.</summary>
    public static TranslationStatistics? Sum(IEnumerable<TranslationStatistics?> parts)
    {
        TranslationStatistics[] all = [.. parts.OfType<TranslationStatistics>()];
        if (all.Length == 0) return null;
        return new TranslationStatistics
        {
            Units = Add(all, static s => s.Units),
            Regions = Add(all, static s => s.Regions),
            GuestInstructions = Add(all, static s => s.GuestInstructions),
            CodeBytes = Add(all, static s => s.CodeBytes),
            MetadataBytes = Add(all, static s => s.MetadataBytes),
            Links = Add(all, static s => s.Links),
            CacheFlushes = Add(all, static s => s.CacheFlushes),
            TranslateSeconds = all.Sum(static s => s.TranslateSeconds),
            OptimiseSeconds = all.Sum(static s => s.OptimiseSeconds),
            HelperCalls = Merge(all.SelectMany(static s => s.HelperCalls)),
            Interpreted = [.. Merge(all.SelectMany(static s => s.Interpreted)).OrderByDescending(static p => p.Value)],
        };
    }

    private static ulong Add(TranslationStatistics[] all, Func<TranslationStatistics, ulong> counter)
    {
        ulong sum = 0;
        foreach (TranslationStatistics one in all) sum += counter(one);
        return sum;
    }

    private static KeyValuePair<string, ulong>[] Merge(IEnumerable<KeyValuePair<string, ulong>> parts) =>
    [
        .. parts.GroupBy(static p => p.Key, StringComparer.Ordinal)
            .Select(static g => KeyValuePair.Create(g.Key, g.Aggregate(0UL, static (sum, p) => sum + p.Value))),
    ];
}
