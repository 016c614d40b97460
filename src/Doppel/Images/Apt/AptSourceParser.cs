namespace Doppel.Images.Apt;

/// <summary>
/// Reads both formats of sources.list(5): one-line style (*.list) and deb822 style (*.sources). What is disabled, is for sources only
/// or cannot be understood is left out: apt itself is the judge of such files.
/// </summary>
internal static class AptSourceParser
{
    /// <summary>Options that say how a mirror is reached or how old its index may be; trust is never taken over.</summary>
    private static readonly string[] s_keptOptions =
    [
        "Check-Valid-Until",
        "Valid-Until-Min",
        "Valid-Until-Max",
        "Check-Date",
        "Date-Max-Future",
        "InRelease-Path",
        "By-Hash",
    ];

    /// <summary>Parses a file of one-line entries: <c>deb [option=value …] uri suite [component …]</c>.</summary>
    public static IReadOnlyList<AptSource> ParseOneLine(string text)
    {
        var sources = new List<AptSource>();
        foreach (string raw in text.Split('\n'))
        {
            string line = raw.Split('#', 2)[0].Trim();
            if (!line.StartsWith("deb ", StringComparison.Ordinal) && !line.StartsWith("deb\t", StringComparison.Ordinal)) continue;
            line = line[3..].TrimStart();
            var options = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            if (line.StartsWith('['))
            {
                int close = line.IndexOf(']', StringComparison.Ordinal);
                if (close < 0) continue;
                foreach (string option in Words(line[1..close]))
                {
                    string[] pair = option.Split('=', 2);
                    if (pair.Length == 2) options[pair[0]] = pair[1].Replace(',', ' ');
                }
                line = line[(close + 1)..].Trim();
            }
            string[] words = Words(line);
            if (words.Length >= 2) sources.Add(Create(words[0], words[1], words[2..], options));
        }
        return sources;
    }

    /// <summary>Parses a file of deb822 stanzas.</summary>
    public static IReadOnlyList<AptSource> ParseDeb822(string text)
    {
        var sources = new List<AptSource>();
        foreach (Dictionary<string, string> stanza in Deb822.Parse(text))
        {
            if (!Words(stanza.GetValueOrDefault("Types", "")).Contains("deb", StringComparer.Ordinal)) continue;
            if (stanza.GetValueOrDefault("Enabled", "yes").Trim() is "no" or "false" or "off" or "0" or "without" or "disable") continue;
            string[] components = Words(stanza.GetValueOrDefault("Components", ""));
            foreach (string uri in Words(stanza.GetValueOrDefault("URIs", "")))
            {
                foreach (string suite in Words(stanza.GetValueOrDefault("Suites", "")))
                    sources.Add(Create(uri, suite, components, stanza));
            }
        }
        return sources;
    }

    private static AptSource Create(string uri, string suite, string[] components, Dictionary<string, string> options)
    {
        string? signedBy = options.GetValueOrDefault("Signed-By");
        var kept = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string field in s_keptOptions)
        {
            if (options.TryGetValue(field, out string? value)) kept[field] = value;
        }
        return new AptSource(uri, suite, components, string.IsNullOrWhiteSpace(signedBy) ? null : signedBy, kept);
    }

    private static string[] Words(string text) =>
        text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
