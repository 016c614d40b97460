using System.Globalization;

namespace Doppel.Cli.Syntax;

/// <summary>An amount of memory as it is typed: <c>512M</c>, <c>2G</c>, <c>1.5GiB</c>; a plain number counts MiB, as in QEMU.</summary>
internal static class MemorySize
{
    internal const string Example = "for instance 512M or 2G";

    internal static bool TryParse(string text, out ulong bytes)
    {
        bytes = 0;
        string number = text.ToUpperInvariant();
        if (number.EndsWith("IB", StringComparison.Ordinal)) number = number[..^2];
        else if (number.EndsWith('B')) number = number[..^1];
        int shift = number.Length == 0 ? -1 : number[^1] switch { 'K' => 10, 'M' => 20, 'G' => 30, 'T' => 40, _ => 0 };
        if (shift > 0) number = number[..^1];
        if (!decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value)) return false;
        if (shift == 0) shift = text.EndsWith('B') || text.EndsWith('b') ? 0 : 20;
        decimal total = value * (1UL << shift);
        if (total is < 1 or > long.MaxValue || total != decimal.Truncate(total)) return false;
        bytes = (ulong)total;
        return true;
    }
}
