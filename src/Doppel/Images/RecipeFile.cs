using System.Globalization;
using System.Text;

namespace Doppel.Images;

/// <summary>
/// Reads the text of a recipe: a line for each step, in the manner of a Containerfile. Thread contract: stateless.
/// <code>
/// FROM debian
/// PACKAGES python3 gcc
/// COPY app/ /srv/app/
/// ENV PORT=8080
/// RUN python3 -m compileall /srv/app
/// SIZE 16G
/// </code>
/// </summary>
public static class RecipeFile
{
    private const string Words = "FROM, PACKAGES, COPY, RUN, ENV and SIZE";

    /// <summary>Words of Containerfiles that are said elsewhere here.</summary>
    private static readonly (string Word, string Remedy)[] s_peers =
    [
        ("ADD",        "COPY copies from the folder of the file; what comes from elsewhere a RUN line fetches"),
        ("ARG",        "ENV sets variables"),
        ("CMD",        "the command stands behind the image, as in `doppel run app python3 /srv/app/main.py`"),
        ("ENTRYPOINT", "the command stands behind the image, as in `doppel run app python3 /srv/app/main.py`"),
        ("EXPOSE",     "ports are opened where the machine is started, with `--publish 8080:80`"),
        ("LABEL",      "# begins a comment"),
        ("MAINTAINER", "# begins a comment"),
        ("USER",       "steps are root's; in a RUN line `runuser -u NAME -- COMMAND` is somebody else"),
        ("VOLUME",     "folders of the host are shared where the machine is started, with `--share FOLDER:/mnt`"),
        ("WORKDIR",    "RUN begins in /; a `cd` in the line, or `doppel run --workdir PATH`, goes elsewhere"),
    ];

    /// <summary>Reads a recipe.</summary>
    /// <param name="text">The text.</param>
    /// <param name="file">Its path: errors name it, and paths in it begin at its folder.</param>
    /// <param name="name">Name of the image.</param>
    /// <exception cref="ImageException">A line is not understood; the message begins with the file and the line's number.</exception>
    public static RootRecipe Parse(string text, string file, string name)
    {
        ArgumentNullException.ThrowIfNull(text);
        string folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        var steps = new List<RootStep>();
        string? from = null;
        long? size = null;
        foreach ((int number, string line) in Lines(text))
        {
            var at = new Place(file, number);
            string word = line.Split((char[]?)null, 2)[0], rest = line[word.Length..].Trim();
            if (rest.Length == 0) throw at.Error($"{word} has nothing behind it");
            if (from is null && word is not ("FROM" or "SIZE")) throw at.Error("a recipe begins with FROM, for instance `FROM debian`");
            switch (word)
            {
                case "FROM" when from is not null: throw at.Error("a second FROM; an image begins with one other");
                case "FROM": from = One(at, "FROM", rest); break;
                case "SIZE": size = Size(at, rest); break;
                case "PACKAGES": steps.Add(new PackagesStep(Packages(at, rest)) { Place = at.ToString() }); break;
                case "COPY": steps.Add(Copy(at, rest, folder) with { Written = $"COPY {rest}" }); break;
                case "RUN": steps.Add(new RunStep(rest) { Place = at.ToString() }); break;
                case "ENV": steps.AddRange(Variables(at, rest)); break;
                default: throw at.Error($"{word} is no word of a recipe; {Remedy(word) ?? $"there are {Words}"}");
            }
        }
        if (from is null) throw new ImageException($"{file}: a recipe begins with FROM, for instance `FROM debian`");
        return new RootRecipe { Name = name, From = from, Steps = steps, DiskBytes = size };
    }

    /// <summary>Reads names of packages, between which stand blanks or commas.</summary>
    /// <exception cref="FormatException">A text is no name of a package; the message says which.</exception>
    public static IReadOnlyList<string> PackageNames(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] names = text.Split([',', ' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        string? bad = names.FirstOrDefault(static n => !IsPackage(n));
        if (bad is not null) throw new FormatException($"{bad} is no name of a Debian package");
        return names.Length > 0 ? names : throw new FormatException("no package is named");
    }

    /// <summary>Reads a size such as <c>4G</c>, <c>512M</c> or <c>1.5T</c>.</summary>
    /// <returns>Bytes, a multiple of 1 MiB, or null if the text is no size of a disk.</returns>
    public static long? TrySize(string text)
    {
        string number = (text ?? "").ToUpperInvariant();
        if (number.EndsWith("IB", StringComparison.Ordinal)) number = number[..^2];
        else if (number.EndsWith('B')) number = number[..^1];
        int shift = number.Length == 0 ? 0 : number[^1] switch { 'M' => 20, 'G' => 30, 'T' => 40, _ => 0 };
        if (shift == 0 || !decimal.TryParse(number[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value)) return null;
        decimal bytes = value * (1L << shift);
        return bytes is >= RootRecipe.SmallestDiskBytes and <= 16L << 40 && bytes % (1 << 20) == 0 ? (long)bytes : null;
    }

    private static string? Remedy(string word) => Array.Find(s_peers, p => p.Word == word).Remedy;

    // Debian Policy 5.6.1, and a version or a release as apt has it.
    private static bool IsPackage(string name) => name.Length > 1 && (char.IsAsciiLetterLower(name[0]) || char.IsAsciiDigit(name[0]))
        && name.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '+' or '-' or '.' or ':' or '=' or '/' or '~' || char.IsAsciiLetterUpper(c));

    private static IEnumerable<(int Number, string Line)> Lines(string text)
    {
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            int first = i;
            string line = lines[i].Trim();
            if (line.Length == 0 || line.StartsWith('#')) continue;
            while (line.EndsWith('\\') && i + 1 < lines.Length)
            {
                string next = lines[++i].Trim();
                // A comment may stand between the pieces of a long line.
                if (!next.StartsWith('#')) line = $"{line[..^1].TrimEnd()} {next}";
            }
            yield return (first + 1, line);
        }
    }

    private static string One(Place at, string word, string rest) =>
        rest.Any(char.IsWhiteSpace) ? throw at.Error($"{word} takes one word, not `{rest}`") : rest;

    private static long Size(Place at, string rest) =>
        TrySize(One(at, "SIZE", rest)) ?? throw at.Error($"{rest} is no size of a disk; for instance 4G, and at least 512M");

    private static IReadOnlyList<string> Packages(Place at, string rest)
    {
        try
        {
            return PackageNames(rest);
        }
        catch (FormatException e)
        {
            throw at.Error(e.Message);
        }
    }

    private static CopyStep Copy(Place at, string rest, string folder)
    {
        IReadOnlyList<string> words = Split(at, rest);
        if (words.Count < 2) throw at.Error("COPY takes a path of the host and one of the guest, for instance `COPY app/ /srv/app/`");
        if (!words[^1].StartsWith('/')) throw at.Error($"COPY: {words[^1]} is where the files go in the guest, and does not begin with /");
        return new CopyStep([.. words.SkipLast(1).Select(w => Path.GetFullPath(w, folder))], words[^1]) { Place = at.ToString() };
    }

    private static IEnumerable<EnvStep> Variables(Place at, string rest)
    {
        foreach (string word in Split(at, rest))
        {
            int sign = word.IndexOf('=', StringComparison.Ordinal);
            string variable = sign < 0 ? word : word[..sign];
            bool isName = variable.Length > 0 && !char.IsAsciiDigit(variable[0]) && variable.All(static c => char.IsAsciiLetterOrDigit(c) || c == '_');
            if (sign < 0 || !isName) throw at.Error($"ENV takes NAME=VALUE, not `{word}`");
            yield return new EnvStep(variable, word[(sign + 1)..]) { Place = at.ToString() };
        }
    }

    /// <summary>Splits at blanks; quotes of both kinds hold words together.</summary>
    private static List<string> Split(Place at, string text)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        char quote = '\0';
        bool inWord = false;
        foreach (char c in text)
        {
            if (quote == '\0' && char.IsWhiteSpace(c))
            {
                if (inWord) words.Add(word.ToString());
                word.Clear();
                inWord = false;
                continue;
            }
            inWord = true;
            if (quote == '\0' && c is '"' or '\'') quote = c;
            else if (quote != '\0' && c == quote) quote = '\0';
            else word.Append(c);
        }
        if (quote != '\0') throw at.Error($"a quote {quote} is not closed");
        if (inWord) words.Add(word.ToString());
        return words;
    }

    private readonly record struct Place(string File, int Line)
    {
        public ImageException Error(string message) => new($"{this}: {message}");

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{File}:{Line}");
    }
}
