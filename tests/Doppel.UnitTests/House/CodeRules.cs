using System.Text.RegularExpressions;

namespace Doppel.UnitTests.House;

/// <summary>Rules that a reader of the text can check; each takes files and gives one line for each breach.</summary>
internal static class CodeRules
{
    private const int LongestFile = 600;

    // The host, as a guest on the user network reaches it.
    private const string HostOfGuests = "10.0.2.2";

    private static readonly string[] s_unsafeProjects = ["Doppel.Host", "Doppel.Core", "Doppel.Jit", "Doppel.RiscV"];

    // Documentation that people are sent to. A package registry or a machine of somebody's own is never among them.
    private static readonly string[] s_publicHosts =
        ["dot.net", "learn.microsoft.com", "www.apache.org", "github.com", "www.debian.org", "www.kernel.org", "docs.kernel.org", "riscv.org", "docs.oasis-open.org", "www.devicetree.org", "www.qemu.org", "www.w3.org"];

    /// <summary>Each unsafe block, and each unsafe method with a body, says on the lines directly above why it is sound.</summary>
    internal static IEnumerable<string> UnsafeWithoutReason(SourceFile file)
    {
        string[] code = file.Code.Split('\n'), lines = file.Lines;
        for (int i = 0; i < code.Length; i++)
        {
            bool block = Regex.IsMatch(code[i], @"\bunsafe\s*(\{|$)") && (code[i].Contains('{', StringComparison.Ordinal) || NextCode(code, i).StartsWith('{'));
            if (block && !CommentAbove(lines, i).Contains("// SAFETY:", StringComparison.Ordinal)) yield return $"{file.Path}:{i + 1}: unsafe without a SAFETY line above it";
        }
    }

    internal static IEnumerable<string> UnsafeOutsideMemory(SourceFile file)
        => file.Project == "Doppel.Core" && !file.Path.StartsWith("src/Doppel.Core/Memory/", StringComparison.Ordinal) && Regex.IsMatch(file.Code, @"\bunsafe\b")
            ? [$"{file.Path}: in Doppel.Core only Memory/ may be unsafe"] : [];

    internal static IEnumerable<string> UnsafeProject(SourceFile project)
        => project.Text.Contains("<AllowUnsafeBlocks>true", StringComparison.Ordinal) && !s_unsafeProjects.Contains(project.Project, StringComparer.Ordinal)
            ? [$"{project.Path}: {project.Project} may not be unsafe"] : [];

    internal static IEnumerable<string> Packages(SourceFile project)
        => project.Project != "Doppel.Cli" && project.Text.Contains("<PackageReference", StringComparison.Ordinal) ? [$"{project.Path}: a library depends on no package"] : [];

    /// <summary>Time comes from Core/Time; only there, and where the command line measures itself, is the host's clock read.</summary>
    internal static IEnumerable<string> HostClock(SourceFile file)
    {
        bool mayRead = file.Project == "Doppel.Cli" || file.Path.StartsWith("src/Doppel.Core/Time/", StringComparison.Ordinal);
        Match match = Regex.Match(file.Code, @"\bStopwatch\b|\bDateTime(Offset)?\.(Utc)?(Now|Today)\b|\bTickCount(64)?\b");
        return !mayRead && match.Success ? [$"{file.Path}: {match.Value} outside Core/Time"] : [];
    }

    internal static IEnumerable<string> TooLong(SourceFile file)
        => !Regex.IsMatch(file.Path, @"(\.g|Tables?)\.cs$") && file.Lines.Length > LongestFile + 1 ? [$"{file.Path}: {file.Lines.Length - 1} lines"] : [];

    /// <summary>No absolute path of somebody's machine.</summary>
    internal static IEnumerable<string> PrivatePaths(SourceFile file)
        => Regex.Matches(file.Text, @"(?<![\w.$~}/])/(home|root|work|Users)/\w[\w./-]*|\b[A-Z]:\\\w+").Select(m => $"{file.Path}: {m.Value}");

    internal static IEnumerable<string> UnknownHosts(SourceFile file)
        => from Match url in Regex.Matches(file.Text, @"https?://([\w.-]+)")
           where !s_publicHosts.Contains(url.Groups[1].Value, StringComparer.Ordinal) && url.Groups[1].Value is not ("127.0.0.1" or HostOfGuests)
           select $"{file.Path}: {url.Value}";

    private static string NextCode(string[] code, int line)
        => code.Skip(line + 1).Select(static l => l.TrimStart()).FirstOrDefault(static l => l.Length > 0) ?? "";

    private static string CommentAbove(string[] lines, int line)
        => string.Join('\n', lines.Take(line).Reverse().TakeWhile(static l => l.TrimStart().StartsWith("//", StringComparison.Ordinal)).Reverse());
}
