using System.Globalization;

namespace Doppel.Cli.Syntax;

/// <summary>What is measured in a network, as it is typed.</summary>
internal static class NetworkQuantities
{
    /// <summary>A time: <c>20ms</c>, <c>500us</c>, <c>1.5s</c>; a plain number counts milliseconds, as in netem.</summary>
    internal static bool TryParseDelay(string text, out TimeSpan delay)
    {
        (string suffix, double ms)[] units = [("us", 0.001), ("ms", 1), ("s", 1000), ("", 1)];
        (string unit, double factor) = units.First(u => text.EndsWith(u.suffix, StringComparison.Ordinal));
        bool isNumber = TryParseNumber(text[..^unit.Length], out double value) && value * factor <= 3_600_000;
        delay = isNumber ? TimeSpan.FromMilliseconds(value * factor) : default;
        return isNumber;
    }

    /// <summary>A part: <c>1%</c>, <c>0.5%</c>; a plain number counts percent.</summary>
    internal static bool TryParsePart(string text, out double part)
    {
        bool isNumber = TryParseNumber(text.EndsWith('%') ? text[..^1] : text, out double percent) && percent <= 100;
        part = isNumber ? percent / 100 : 0;
        return isNumber;
    }

    /// <summary>Bits per second: <c>10M</c>, <c>512K</c>, <c>1.5Gbit</c>; a plain number counts bits.</summary>
    internal static bool TryParseRate(string text, out long bitsPerSecond)
    {
        string number = text.EndsWith("bit", StringComparison.Ordinal) ? text[..^3] : text;
        double unit = number.Length == 0 ? 0 : number[^1] switch { 'k' or 'K' => 1e3, 'm' or 'M' => 1e6, 'g' or 'G' => 1e9, _ => 1 };
        bool isNumber = TryParseNumber(unit > 1 ? number[..^1] : number, out double value) && value * unit is >= 1 and <= 1e15;
        bitsPerSecond = isNumber ? (long)(value * unit) : 0;
        return isNumber;
    }

    private static bool TryParseNumber(string text, out double value)
        => double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value);
}
