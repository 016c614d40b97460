using System.Text.RegularExpressions;

namespace Doppel.UnitTests.House;

/// <summary>A file of the repository; the path is relative to its root and has forward slashes.</summary>
internal sealed record SourceFile(string Path, string Text)
{
    private static readonly string[] s_textEndings =
        [".cs", ".csproj", ".props", ".slnx", ".json", ".md", ".editorconfig", ".gitignore", ".c", ".h", ".S", ".s", ".ld", ".sh", "/dev", "/doppel", "/run"];

    internal string[] Lines => Text.Split('\n');

    internal bool IsCSharp => Path.EndsWith(".cs", StringComparison.Ordinal);

    /// <summary>The project that the file belongs to, for instance <c>Doppel.Core</c>; empty outside src/.</summary>
    internal string Project => Path.StartsWith("src/", StringComparison.Ordinal) && Path.Split('/') is { Length: > 2 } parts ? parts[1] : "";

    internal string Namespace => Regex.Match(Text, @"^namespace ([\w.]+);", RegexOptions.Multiline).Groups[1].Value;

    /// <summary>The namespaces that the file names in its <c>using</c> lines, static and alias ones included.</summary>
    internal IEnumerable<string> Usings
        => Regex.Matches(Text, @"^(?:global )?using (?:static )?(?:\w+ = )?([\w.]+)", RegexOptions.Multiline).Select(static m => m.Groups[1].Value);

    /// <summary>The text with strings and comments blanked out, line breaks kept.</summary>
    internal string Code => Regex.Replace(
        Text, """
              //[^\n]*|/\*.*?\*/|\"{3,}.*?\"{3,}|@"(?:[^"]|"")*"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'
              """.Trim(),
        static m => new string([.. m.Value.Where(static c => c == '\n')]), RegexOptions.Singleline);

    internal static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    /// <summary>All text files that people wrote: no build output, no version control.</summary>
    internal static IReadOnlyList<SourceFile> All()
        => [.. Walk(new DirectoryInfo(Root)).Where(static f => s_textEndings.Any(e => ("/" + f.Name).EndsWith(e, StringComparison.Ordinal)))
            .Select(static f => new SourceFile(System.IO.Path.GetRelativePath(Root, f.FullName).Replace('\\', '/'), File.ReadAllText(f.FullName)))];

    internal static IReadOnlyList<SourceFile> Library() => [.. All().Where(static f => f.IsCSharp && f.Project.Length > 0)];

    private static IEnumerable<FileInfo> Walk(DirectoryInfo folder)
        => folder.EnumerateDirectories().Where(static d => d.Name is not (".git" or "artifacts" or "bin" or "obj")).SelectMany(Walk).Concat(folder.EnumerateFiles());

    private static string FindRoot(string folder)
        => File.Exists(System.IO.Path.Combine(folder, "Doppel.slnx")) ? folder : FindRoot(System.IO.Path.GetDirectoryName(folder)!);
}
