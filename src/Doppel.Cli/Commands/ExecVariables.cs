using Doppel.Cli.Output;

namespace Doppel.Cli.Commands;

/// <summary>The variables that <c>doppel exec</c> and <c>doppel run</c> set. Thread contract: stateless.</summary>
internal static class ExecVariables
{
    /// <summary>Reads what was typed; of several of one name the last one counts, and a word goes over a file.</summary>
    /// <param name="files">Files with a variable on each line; empty lines and those that begin with # are left out.</param>
    /// <param name="words">Words such as NAME=VALUE; a NAME alone is taken over from this process, if it is set there.</param>
    /// <param name="hasTerminal">True to tell which terminal this is.</param>
    internal static Dictionary<string, string> Read(IEnumerable<string> files, IEnumerable<string> words, bool hasTerminal)
    {
        Dictionary<string, string> variables = new(StringComparer.Ordinal);
        if (hasTerminal) variables["TERM"] = Environment.GetEnvironmentVariable("TERM") is { Length: > 0 } term ? term : "vt100";
        foreach (string file in files)
        {
            foreach (string line in File.ReadLines(file).Where(static l => l.Length != 0 && l[0] != '#')) Set(variables, line, $"--env-file {file}: {line}");
        }
        foreach (string word in words) Set(variables, word, $"--env {word}");
        return variables;
    }

    /// <summary>As above, for <c>run</c>, whose variables a shell of the guest sets: it takes no other names than those of shells.</summary>
    /// <param name="files">Files.</param>
    /// <param name="words">Words.</param>
    internal static Dictionary<string, string> ReadNamed(IEnumerable<string> files, IEnumerable<string> words)
    {
        Dictionary<string, string> variables = Read(files, words, hasTerminal: false);
        string? bad = variables.Keys.FirstOrDefault(static n => char.IsAsciiDigit(n[0]) || !n.All(static c => char.IsAsciiLetterOrDigit(c) || c == '_'));
        return bad is null ? variables : throw CliException.Usage($"--env {bad}: not the name of a variable", "for instance `-e LANG=C.UTF-8`");
    }

    private static void Set(Dictionary<string, string> variables, string text, string what)
    {
        int at = text.IndexOf('=', StringComparison.Ordinal);
        if (at == 0 || text.Length == 0) throw CliException.Usage($"{what}: not NAME=VALUE");
        if (at > 0) variables[text[..at]] = text[(at + 1)..];
        else if (Environment.GetEnvironmentVariable(text) is { } value) variables[text] = value;
    }
}
