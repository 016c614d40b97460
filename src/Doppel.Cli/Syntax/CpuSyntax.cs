using System.Globalization;

namespace Doppel.Cli.Syntax;

/// <summary>Shares of the host's processors as they are typed.</summary>
internal static class CpuSyntax
{
    // More than any host has; what it has is checked when the machine starts.
    private const int LastProcessor = Host.HostProcessors.MaxNumber - 1;

    /// <summary>Reads a number of processors: <c>150%</c> or <c>1.5</c>.</summary>
    internal static bool TryParseLimit(string text, out double limit)
    {
        bool isPercent = text.EndsWith('%');
        bool isNumber = double.TryParse(isPercent ? text[..^1] : text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out limit);
        if (isPercent) limit /= 100;
        return isNumber && limit >= CpuShareConfig.MinLimit && limit <= LastProcessor;
    }

    /// <summary>Reads a list of processors: <c>0-1,3</c>. Null if it is none.</summary>
    internal static IReadOnlyList<int>? TryParseList(string text)
    {
        SortedSet<int> numbers = [];
        foreach (string range in text.Split(','))
        {
            string[] ends = range.Split('-');
            if (ends.Length > 2 || !TryParseNumber(ends[0], out int first) || !TryParseNumber(ends[^1], out int last) || first > last) return null;
            numbers.UnionWith(Enumerable.Range(first, last - first + 1));
        }
        return [.. numbers];
    }

    private static bool TryParseNumber(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= LastProcessor;
}
