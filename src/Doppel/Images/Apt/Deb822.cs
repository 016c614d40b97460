using System.Text;

namespace Doppel.Images.Apt;

/// <summary>Debian's control file format, deb822(5): stanzas of fields, field names without regard to case.</summary>
internal static class Deb822
{
    /// <summary>Splits a text into stanzas. Continuation lines are kept as they are written, joined by line feeds.</summary>
    public static IReadOnlyList<Dictionary<string, string>> Parse(string text)
    {
        var stanzas = new List<Dictionary<string, string>>();
        var stanza = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        string? field = null;
        var value = new StringBuilder();
        foreach (string raw in text.Split('\n').Append(""))
        {
            string line = raw.TrimEnd('\r', ' ', '\t');
            if (line.StartsWith('#')) continue;
            if (field is not null && raw.Length > 0 && raw[0] is ' ' or '\t' && line.Length > 0)
            {
                value.Append('\n').Append(line);
                continue;
            }
            if (field is not null) stanza[field] = value.ToString();
            field = null;
            value.Clear();
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                field = line[..colon];
                value.Append(line[(colon + 1)..].Trim());
            }
            else if (line.Length == 0 && stanza.Count > 0)
            {
                stanzas.Add(stanza);
                stanza = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            }
        }
        if (stanza.Count > 0) stanzas.Add(stanza);
        return stanzas;
    }
}
