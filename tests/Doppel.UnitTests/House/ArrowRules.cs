using System.Text.RegularExpressions;

namespace Doppel.UnitTests.House;

/// <summary>Which room may know which: arrows go down only, and never in a circle.</summary>
internal static class ArrowRules
{
    /// <summary>For every project, the projects that it may refer to or use.</summary>
    internal static readonly IReadOnlyDictionary<string, string[]> Allowed = new Dictionary<string, string[]>(StringComparer.Ordinal)
    {
        ["Doppel.Host"] = [],
        ["Doppel.Core"] = ["Doppel.Host"],
        ["Doppel.Jit"] = ["Doppel.Host"],
        ["Doppel.RiscV"] = ["Doppel.Core", "Doppel.Jit", "Doppel.Host"],
        ["Doppel.Devices"] = ["Doppel.Core", "Doppel.Host"],
        ["Doppel"] = ["Doppel.Devices", "Doppel.RiscV", "Doppel.Core", "Doppel.Host"],
        ["Doppel.Cli"] = ["Doppel", "Doppel.Core", "Doppel.Host"],
    };

    internal static IEnumerable<string> ForbiddenReferences(IEnumerable<SourceFile> projects)
        => from project in projects
           from Match reference in Regex.Matches(project.Text, @"<ProjectReference Include=""[^""]*?([\w.]+)\.csproj""")
           let target = reference.Groups[1].Value
           where !Allowed.GetValueOrDefault(project.Project, []).Contains(target, StringComparer.Ordinal)
           select $"{project.Path}: {project.Project} must not refer to {target}";

    internal static IEnumerable<string> ForbiddenUsings(IEnumerable<SourceFile> files)
        => from file in files
           from used in file.Usings
           let target = ProjectOf(used)
           where target is not null && target != file.Project && !Allowed.GetValueOrDefault(file.Project, []).Contains(target, StringComparer.Ordinal)
           select $"{file.Path}: {file.Project} must not use {used}";

    /// <summary>Circles among the folders (namespaces) of each project, one line for each.</summary>
    internal static IEnumerable<string> Circles(IEnumerable<SourceFile> files)
    {
        foreach (IGrouping<string, SourceFile> project in files.GroupBy(static f => f.Project, StringComparer.Ordinal))
        {
            ILookup<string, string> arrows = (from file in project
                                              from used in file.Usings
                                              where ProjectOf(used) == project.Key && used != file.Namespace
                                              select (From: file.Namespace, To: used)).Distinct().ToLookup(static a => a.From, static a => a.To, StringComparer.Ordinal);
            foreach (string circle in arrows.Select(a => FindCircle(arrows, [a.Key])).OfType<string>().Distinct(StringComparer.Ordinal)) yield return circle;
        }
    }

    private static string? FindCircle(ILookup<string, string> arrows, IReadOnlyList<string> path)
    {
        foreach (string next in arrows[path[^1]])
        {
            if (next == path[0]) return string.Join(" -> ", path.Append(next));
            if (path.Contains(next, StringComparer.Ordinal)) continue;
            if (FindCircle(arrows, [.. path, next]) is { } circle) return circle;
        }
        return null;
    }

    // The longest project name that the namespace begins with; Doppel itself only for namespaces that are no other project's.
    private static string? ProjectOf(string name)
        => Allowed.Keys.Where(p => name == p || name.StartsWith(p + ".", StringComparison.Ordinal)).MaxBy(static p => p.Length);
}
