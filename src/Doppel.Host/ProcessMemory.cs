using System.Globalization;

namespace Doppel.Host;

/// <summary>Memory of this process as the host accounts for it. Thread contract: static, no state.</summary>
public static class ProcessMemory
{
    private const string Rollup = "/proc/self/smaps_rollup", Field = "Pss:";

    /// <summary>
    /// Resident memory in bytes, where a page that is mapped twice counts once and one that is shared with other processes in proportion; zero if the
    /// host does not say.
    /// </summary>
    public static ulong ReadProportionalBytes()
    {
        try
        {
            foreach (string line in File.ReadLines(Rollup))
            {
                if (!line.StartsWith(Field, StringComparison.Ordinal)) continue;
                string[] words = line[Field.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
                return ulong.Parse(words[0], CultureInfo.InvariantCulture) << 10;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // An old or hardened host: the number is missing, and nothing else depends on it.
        }
        return 0;
    }
}
