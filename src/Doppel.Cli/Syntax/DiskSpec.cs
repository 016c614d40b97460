namespace Doppel.Cli.Syntax;

/// <summary>A disk as it is typed: <c>FILE</c> or <c>FILE,ro</c>.</summary>
internal sealed record DiskSpec(string Path, bool ReadOnly)
{
    private const string ReadOnlySuffix = ",ro", WritableSuffix = ",rw";

    internal static DiskSpec? TryParse(string text)
    {
        DiskSpec spec = text.EndsWith(ReadOnlySuffix, StringComparison.Ordinal) ? new(text[..^ReadOnlySuffix.Length], true)
            : text.EndsWith(WritableSuffix, StringComparison.Ordinal) ? new(text[..^WritableSuffix.Length], false)
            : new(text, false);
        return spec.Path.Length == 0 ? null : spec;
    }
}
