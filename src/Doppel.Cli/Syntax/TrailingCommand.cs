namespace Doppel.Cli.Syntax;

/// <summary>Splits a command line at its first <c>--</c>: what follows belongs to the guest and is never read as an option.</summary>
/// <param name="Own">The words before <c>--</c>.</param>
/// <param name="Guest">The words after it; null if there is no <c>--</c>.</param>
internal sealed record TrailingCommand(string[] Own, string[]? Guest)
{
    internal static TrailingCommand Split(string[] words)
    {
        int at = Array.IndexOf(words, "--");
        return at < 0 ? new(words, null) : new(words[..at], words[(at + 1)..]);
    }
}
