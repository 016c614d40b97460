namespace Doppel.Cli.Syntax;

/// <summary>Where the serial port goes, as it is typed: <c>stdio</c>, <c>null</c>, <c>file:FILE</c>, <c>socket:PATH</c>.</summary>
internal static class SerialSyntax
{
    private const string FilePrefix = "file:", SocketPrefix = "socket:";

    internal static SerialConfig? TryParse(string text) => text switch
    {
        "stdio" => SerialConfig.Console,
        "null" or "none" => SerialConfig.Null,
        _ when text.StartsWith(FilePrefix, StringComparison.Ordinal) => WithPath(SerialKind.File, text[FilePrefix.Length..]),
        _ when text.StartsWith(SocketPrefix, StringComparison.Ordinal) => WithPath(SerialKind.Socket, text[SocketPrefix.Length..]),
        _ => null,
    };

    private static SerialConfig? WithPath(SerialKind kind, string path) => path.Length == 0 ? null : new(kind, path);
}
