namespace Doppel.Cli.Output;

/// <summary>A table of words, for people and for scripts alike. Thread contract: stateless.</summary>
internal static class PlainTable
{
    /// <summary>Writes rows, the first of which is the heading, with columns as wide as they need to be.</summary>
    internal static void Write(IReadOnlyList<string[]> rows, TextWriter output)
    {
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(r => r[column].Length))];
        foreach (string[] row in rows) output.WriteLine(string.Join("  ", row.Select((text, i) => text.PadRight(widths[i]))).TrimEnd());
    }

    /// <summary>The text on one line, without what would do something to a terminal.</summary>
    internal static string Cell(string text) => Printable.Of(text.ReplaceLineEndings(" ").Replace('\t', ' '));
}
