namespace Doppel.Cli.Output;

/// <summary>
/// Text that others have chosen (names in an image, say), for a terminal: it may hold characters that would move the cursor, change colours
/// or answer for the user.
/// </summary>
internal static class Printable
{
    /// <summary>The text with a question mark for each such character; line ends stay.</summary>
    internal static string Of(string text) => string.Create(text.Length, text, static (target, source) =>
    {
        for (int i = 0; i < source.Length; i++) target[i] = char.IsControl(source[i]) && source[i] is not ('\n' or '\t') ? '?' : source[i];
    });
}
