namespace Doppel.Images;

/// <summary>Text for the guest's shell.</summary>
internal static class ShellText
{
    /// <summary>Single quotes keep every character but themselves.</summary>
    /// <exception cref="ArgumentException">The text holds a NUL character, which no shell knows.</exception>
    internal static string Quote(string text) => text.Contains('\0', StringComparison.Ordinal)
        ? throw new ArgumentException("an argument of a guest command cannot hold a NUL character", nameof(text))
        : "'" + text.Replace("'", "'\\''", StringComparison.Ordinal) + "'";
}
