namespace Doppel.Cli.Syntax;

internal enum SerialKind
{
    Stdio,
    Null,
    File,
    Socket,
}

/// <summary>Where the serial port goes, as it is typed: <c>stdio</c>, <c>null</c>, <c>file:F</c>, <c>socket:PATH</c>.</summary>
internal sealed record SerialSpec(SerialKind Kind, string? Path = null)
{
    private const string FilePrefix = "file:", SocketPrefix = "socket:";

    internal static SerialSpec? TryParse(string text) => text switch
    {
        "stdio" => new(SerialKind.Stdio),
        "null" or "none" => new(SerialKind.Null),
        _ when text.StartsWith(FilePrefix, StringComparison.Ordinal) => WithPath(SerialKind.File, text[FilePrefix.Length..]),
        _ when text.StartsWith(SocketPrefix, StringComparison.Ordinal) => WithPath(SerialKind.Socket, text[SocketPrefix.Length..]),
        _ => null,
    };

    private static SerialSpec? WithPath(SerialKind kind, string path) => path.Length == 0 ? null : new(kind, path);
}
