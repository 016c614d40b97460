namespace Doppel.Cli.Syntax;

/// <summary>A disk as it is typed: <c>FILE</c> or <c>FILE,ro</c>.</summary>
internal static class DiskSyntax
{
    private const string ReadOnlySuffix = ",ro", WritableSuffix = ",rw";

    internal static DiskConfig? TryParse(string text)
    {
        DiskConfig disk = text.EndsWith(ReadOnlySuffix, StringComparison.Ordinal) ? new(text[..^ReadOnlySuffix.Length], ReadOnly: true)
            : text.EndsWith(WritableSuffix, StringComparison.Ordinal) ? new(text[..^WritableSuffix.Length])
            : new(text);
        return disk.Path.Length == 0 ? null : disk;
    }
}
