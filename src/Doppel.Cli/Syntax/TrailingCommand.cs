namespace Doppel.Cli.Syntax;

/// <summary>Splits a command line at its first <c>--</c>: what follows belongs to the guest and is never read as an option.</summary>
/// <param name="Own">The words before <c>--</c>.</param>
/// <param name="Guest">The words after it; null if there is no <c>--</c>.</param>
internal sealed record TrailingCommand(string[] Own, string[]? Guest)
{
    /// <summary>Options of <c>exec</c> that take a word, so that the machine's name can be told from it.</summary>
    internal static IReadOnlyList<string> ExecOptionsWithValue { get; } = ["--user", "-u", "--workdir", "-w", "--env", "-e"];

    internal static TrailingCommand Split(string[] words)
    {
        int at = Array.IndexOf(words, "--");
        if (at >= 0) return new(words[..at], words[(at + 1)..]);
        return words is ["exec", ..] ? SplitExec(words) : new(words, null);
    }

    // As container tools have it, `exec MACHINE COMMAND` needs no -- either: what follows the machine's name is the command.
    private static TrailingCommand SplitExec(string[] words)
    {
        int name = 1;
        while (name < words.Length && words[name].StartsWith('-')) name += ExecOptionsWithValue.Contains(words[name], StringComparer.Ordinal) ? 2 : 1;
        return name + 1 < words.Length ? new(words[..(name + 1)], words[(name + 1)..]) : new(words, null);
    }
}
