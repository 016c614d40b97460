using System.Text;

namespace Doppel.Images.Linux;

/// <summary>Reads the list of commands ("applets") out of a BusyBox program without running it: it is foreign code.</summary>
internal static class BusyBox
{
    private const int FewestApplets = 50;

    /// <summary>Names of the commands the program holds, in its own order.</summary>
    /// <exception cref="InvalidDataException">The program has no table of commands.</exception>
    public static IReadOnlyList<string> Applets(ReadOnlySpan<byte> program)
    {
        // The table is a sorted run of strings; "[" and "[[" sort before every other command.
        ReadOnlySpan<byte> first = "[\0[[\0"u8;
        for (int from = 0; program[from..].IndexOf(first) is >= 0 and int found; from += found + 1)
        {
            List<string> names = ReadTable(program[(from + found)..]);
            if (names.Count >= FewestApplets) return names;
        }
        throw new InvalidDataException("the busybox program has no table of its commands");
    }

    private static List<string> ReadTable(ReadOnlySpan<byte> table)
    {
        var names = new List<string>();
        while (table.IndexOf((byte)0) is > 0 and int length)
        {
            string name = Encoding.ASCII.GetString(table[..length]);
            bool plain = name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '[' or '_' or '-');
            if (!plain || (names.Count > 0 && string.CompareOrdinal(names[^1], name) >= 0)) break;
            names.Add(name);
            table = table[(length + 1)..];
        }
        return names;
    }
}
