using System.Globalization;
using System.Text.Json;
using Doppel.Cli.Output;
using Doppel.Core.Diagnostics;

namespace Doppel.Cli.Translation;

/// <summary>The translator's part of <c>--stats</c>.</summary>
internal static class TranslationReport
{
    // Most frequent instructions that people are shown; JSON has all.
    private const int Interpreted = 8;

    internal static IEnumerable<(string Name, string Value)> Rows(TranslationStatistics? s)
    {
        if (s is null) yield break;
        yield return ("translations", string.Create(CultureInfo.InvariantCulture, $"{s.Units:N0}, {s.Regions:N0} by the optimiser"));
        yield return ("translated instructions", Sizes.Count(s.GuestInstructions));
        yield return ("translated code", Sizes.Bytes(s.CodeBytes));
        yield return ("translation metadata", Sizes.Bytes(s.MetadataBytes));
        yield return ("bytes per instruction", s.BytesPerInstruction.ToString("0.0", CultureInfo.InvariantCulture));
        yield return ("time translating", string.Create(CultureInfo.InvariantCulture, $"{s.TranslateSeconds:0.000} s, optimiser {s.OptimiseSeconds:0.000} s"));
        yield return ("linked jumps", Sizes.Count(s.Links));
        if (s.CacheFlushes > 0) yield return ("code cache emptied", Sizes.Count(s.CacheFlushes));
        foreach ((string name, ulong count) in s.HelperCalls) yield return ($"helper: {name}", Sizes.Count(count));
        foreach ((string name, ulong count) in s.Interpreted.Take(Interpreted)) yield return ($"interpreted: {name}", Sizes.Count(count));
    }

    internal static void Write(Utf8JsonWriter json, TranslationStatistics? s)
    {
        if (s is null) return;
        json.WriteStartObject("translation");
        json.WriteNumber("units", s.Units);
        json.WriteNumber("regions", s.Regions);
        json.WriteNumber("guestInstructions", s.GuestInstructions);
        json.WriteNumber("codeBytes", s.CodeBytes);
        json.WriteNumber("metadataBytes", s.MetadataBytes);
        json.WriteNumber("bytesPerInstruction", Math.Round(s.BytesPerInstruction, 2));
        json.WriteNumber("translateSeconds", Math.Round(s.TranslateSeconds, 6));
        json.WriteNumber("optimiseSeconds", Math.Round(s.OptimiseSeconds, 6));
        json.WriteNumber("links", s.Links);
        json.WriteNumber("cacheFlushes", s.CacheFlushes);
        WriteCounts(json, "helperCalls", s.HelperCalls);
        WriteCounts(json, "interpreted", s.Interpreted);
        json.WriteEndObject();
    }

    private static void WriteCounts(Utf8JsonWriter json, string name, IEnumerable<KeyValuePair<string, ulong>> counts)
    {
        json.WriteStartObject(name);
        foreach ((string key, ulong count) in counts) json.WriteNumber(key, count);
        json.WriteEndObject();
    }
}
