namespace Doppel.Cli.Syntax;

/// <summary>
/// Splits a command line where the guest's part begins, which is never read as options: behind the first <c>--</c>, or, as container tools have
/// it, behind the machine's name of <c>exec</c> and the image of <c>run</c>.
/// </summary>
/// <param name="Own">The words before it.</param>
/// <param name="Guest">The guest's words; null if there are none.</param>
internal sealed record TrailingCommand(string[] Own, string[]? Guest)
{
    /// <summary>Options of <c>exec</c> that take a word, so that the machine's name can be told from it.</summary>
    internal static IReadOnlyList<string> ExecOptionsWithValue { get; } = ["--user", "-u", "--workdir", "-w", "--env", "-e", "--env-file"];

    /// <summary>Options of <c>run</c> that take no word, so that the image can be told from the words of all others.</summary>
    internal static IReadOnlyList<string> RunFlags { get; } =
    [
        "--detach", "-d", "--help", "-h", "-?", "--interactive", "-i", "--tty", "-it", "-ti", "--rm", "--replace", "--json", "--perf-map", "--stats", "--trace-jit",
        "--verbose", "--verify", "--version",
    ];

    internal static TrailingCommand Split(string[] words)
    {
        int at = Array.IndexOf(words, "--");
        if (at >= 0) return new(words[..at], words[(at + 1)..]);
        return words switch
        {
            ["exec", ..] => SplitBehind(words, static w => !ExecOptionsWithValue.Contains(w, StringComparer.Ordinal)),
            ["run", ..] => SplitBehind(words, static w => RunFlags.Contains(w, StringComparer.Ordinal) || w.Contains('=', StringComparison.Ordinal)),
            _ => new(words, null),
        };
    }

    // The first word that is no option names the machine or the image; options may follow it too. The next one begins the command.
    private static TrailingCommand SplitBehind(string[] words, Func<string, bool> isFlag)
    {
        bool isNamed = false;
        for (int i = 1; i < words.Length; i++)
        {
            bool isOption = words[i].StartsWith('-');
            if (isNamed && (!isOption || words[0] == "exec")) return new(words[..i], words[i..]);
            if (!isOption) isNamed = true;
            else if (!isFlag(words[i])) i++;
        }
        return new(words, null);
    }
}
