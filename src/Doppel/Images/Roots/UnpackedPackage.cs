using System.Text;
using Doppel.Images.Apt;

namespace Doppel.Images.Roots;

/// <summary>What dpkg records of a package when it has unpacked it. Immutable.</summary>
internal sealed record UnpackedPackage
{
    /// <summary>How the files of the package below <c>info/</c> begin.</summary>
    public required string InfoName { get; init; }

    /// <summary>Its configuration files, from the root on.</summary>
    public required IReadOnlyList<string> Conffiles { get; init; }

    /// <summary>A file below <c>triggers/</c> and a line in it, for each trigger that the package waits for.</summary>
    public required IReadOnlyList<(string File, string Line)> Interests { get; init; }

    /// <summary>Its paragraph of the status file.</summary>
    public required string StatusStanza { get; init; }

    /// <summary>Reads a package's control archive.</summary>
    /// <exception cref="AptException">It lacks what every package has.</exception>
    public static UnpackedPackage Parse(IReadOnlyDictionary<string, ControlFile> control)
    {
        string text = Text(control, "control");
        Dictionary<string, string> fields = Deb822.Parse(text).FirstOrDefault() ?? throw new AptException("a package has an empty control file");
        string name = fields.GetValueOrDefault("Package") ?? throw new AptException("a package does not say its name");
        bool isShared = fields.GetValueOrDefault("Multi-Arch") == "same";
        // "remove-on-upgrade /path" is no file of the package (deb-conffiles(5)).
        string[] conffiles = [.. Lines(control, "conffiles").Where(static l => l.StartsWith('/'))];
        return new UnpackedPackage
        {
            InfoName = isShared ? $"{name}:{fields.GetValueOrDefault("Architecture")}" : name,
            Conffiles = conffiles,
            Interests = [.. Lines(control, "triggers").Select(l => Interest(name, l)).OfType<(string, string)>()],
            StatusStanza = Stanza(text, conffiles),
        };
    }

    private static string Stanza(string control, string[] conffiles)
    {
        StringBuilder stanza = new();
        foreach (string line in control.Split('\n').Where(static l => l.Length > 0))
        {
            stanza.Append(line).Append('\n');
            if (line.StartsWith("Package:", StringComparison.OrdinalIgnoreCase)) stanza.Append("Status: install ok unpacked\n");
        }
        if (conffiles.Length > 0) stanza.Append("Conffiles:\n").AppendJoin("", conffiles.Select(static f => $" {f} newconffile\n"));
        return stanza.ToString();
    }

    // A trigger that is a path stands in the file File; any other has a file of its own.
    private static (string File, string Line)? Interest(string package, string line)
    {
        string[] words = line.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length != 2 || !words[0].StartsWith("interest", StringComparison.Ordinal)) return null;
        string who = words[0].EndsWith("-noawait", StringComparison.Ordinal) ? package + "/noawait" : package;
        return words[1].StartsWith('/') ? ("File", $"{words[1]} {who}") : (words[1], who);
    }

    private static IEnumerable<string> Lines(IReadOnlyDictionary<string, ControlFile> control, string file) =>
        Text(control, file).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static string Text(IReadOnlyDictionary<string, ControlFile> control, string file) =>
        control.TryGetValue(file, out ControlFile found) ? Encoding.UTF8.GetString(found.Content) : "";
}
