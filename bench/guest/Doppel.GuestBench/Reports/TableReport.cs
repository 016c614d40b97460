using System.Globalization;
using System.Text;
using Doppel.GuestBench.Cases;
using Doppel.GuestBench.Running;

namespace Doppel.GuestBench.Reports;

/// <summary>The result as a table in Markdown, which a terminal shows as well.</summary>
internal static class TableReport
{
    /// <summary>The whole report.</summary>
    public static string Render(SuiteResult result)
    {
        EngineKind[] others = [.. result.Engines.Where(engine => engine != result.Reference)];
        List<string[]> rows = [Header(result, others)];
        rows.AddRange(result.Cases.Select(bench => CaseRow(result, bench, others)));
        foreach (CaseGroup group in result.Cases.Select(bench => bench.Group).Distinct().Order())
            rows.Add(MeanRow(result, $"mean {Name(group)}", group, others));
        rows.Add(MeanRow(result, "mean of all", null, others));
        rows.AddRange(BootRow(result, others));
        var text = new StringBuilder(Align(rows));
        if (result.Failures.Count > 0) text.Append("\nfailed:\n").AppendJoin('\n', result.Failures.Select(f => "  " + f)).Append('\n');
        return text.ToString();
    }

    /// <summary>Lower-case name of a group or an engine.</summary>
    public static string Name<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    private static string[] Header(SuiteResult result, EngineKind[] others) =>
    [
        "case", "group", .. result.Engines.Select(engine => Name(engine) + " s"), .. others.Select(engine => $"{Name(engine)} ×"),
        .. result.Engines.Select(engine => Name(engine) + " ±"),
    ];

    private static string[] CaseRow(SuiteResult result, BenchCase bench, EngineKind[] others) =>
    [
        bench.Name, Name(bench.Group),
        .. result.Engines.Select(engine => Number(result.Find(bench, engine)?.CpuSeconds, engine == EngineKind.Native ? "F3" : "F2")),
        .. others.Select(engine => Number(result.Speed(bench, engine), "F2")),
        .. result.Engines.Select(engine => Number(result.Find(bench, engine)?.Spread * 100, "F0", " %")),
    ];

    private static string[] MeanRow(SuiteResult result, string name, CaseGroup? group, EngineKind[] others) =>
    [
        name, "", .. result.Engines.Select(_ => ""), .. others.Select(engine => Number(result.MeanSpeed(engine, group), "F2")),
        .. result.Engines.Select(_ => ""),
    ];

    private static IEnumerable<string[]> BootRow(SuiteResult result, EngineKind[] others)
    {
        if (result.Boots.Count == 0) return [];
        double? Boot(EngineKind engine)
        {
            double[] seconds = [.. result.Boots.Where(boot => boot.Engine == engine).Select(boot => boot.CpuSeconds)];
            return seconds.Length > 0 ? CaseResult.Median(seconds) : null;
        }

        return
        [
            [
                "boot", "", .. result.Engines.Select(engine => Number(Boot(engine), "F2")),
                .. others.Select(engine => Number(Boot(result.Reference) / Boot(engine), "F2")), .. result.Engines.Select(_ => ""),
            ],
        ];
    }

    private static string Number(double? value, string format, string unit = "") =>
        value is { } number && double.IsFinite(number) ? number.ToString(format, CultureInfo.InvariantCulture) + unit : "–";

    private static string Align(List<string[]> rows)
    {
        int columns = rows[0].Length;
        int[] widths = [.. Enumerable.Range(0, columns).Select(column => rows.Max(row => row[column].Length))];
        var text = new StringBuilder();
        for (int i = 0; i < rows.Count; i++)
        {
            text.Append("| ").AppendJoin(" | ", rows[i].Select((cell, c) => c < 2 ? cell.PadRight(widths[c]) : cell.PadLeft(widths[c]))).Append(" |\n");
            if (i == 0) text.Append('|').AppendJoin('|', widths.Select((w, c) => new string('-', w + 1) + (c < 2 ? "-" : ":"))).Append("|\n");
        }
        return text.ToString();
    }
}
