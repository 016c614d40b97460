namespace Doppel.Cli.Syntax;

/// <summary>The size of a disk as it is typed: <c>10G</c>, <c>1.5T</c>; a plain number counts bytes, as in <c>qemu-img</c>.</summary>
internal static class DiskSize
{
    internal const string Example = "for instance 512M or 20G";

    internal static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        if (text.Length == 0 || !char.IsAsciiDigit(text[0])) return false;
        bool isZero = text.Trim('0').Length == 0;
        bool isNumber = MemorySize.TryParse(char.IsAsciiDigit(text[^1]) ? text + "B" : text, out ulong value);
        bytes = (long)value;
        return isNumber || isZero;
    }
}
