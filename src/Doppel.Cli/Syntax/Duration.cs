using System.Globalization;

namespace Doppel.Cli.Syntax;

/// <summary>A length of time as it is typed: <c>90</c> or <c>1.5</c> seconds, <c>2m</c>, <c>1h</c>.</summary>
internal static class Duration
{
    internal static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        if (text.Length == 0) return false;
        double unit = text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, _ => 0 };
        string number = unit == 0 ? text : text[..^1];
        if (!double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value)) return false;
        double seconds = value * (unit == 0 ? 1 : unit);
        if (seconds is <= 0 or > 30_000_000) return false;
        duration = TimeSpan.FromSeconds(seconds);
        return true;
    }
}
