namespace Doppel.Agent;

/// <summary>Texts that a guest has chosen. Thread contract: static, no state.</summary>
internal static class GuestText
{
    /// <summary>The text for people: what would do something to a terminal, beginning with the escape character, is a question mark.</summary>
    internal static string Printable(string text) =>
        text.Any(IsOdd) ? string.Concat(text.Select(static c => IsOdd(c) ? '?' : c)) : text;

    // What was no character when it was read has become the replacement character.
    private static bool IsOdd(char c) => char.IsControl(c) || c == '\uFFFD';
}
