namespace Doppel.Cli.Syntax;

/// <summary>
/// A shared folder as it is typed: <c>FOLDER:GUEST</c>, <c>FOLDER:GUEST,ro</c>; and with a colon before the mode, as people are used to
/// from containers.
/// </summary>
internal static class ShareSyntax
{
    private const string ReadOnly = "ro";

    // The last two are labels that container tools have files given; no file needs one here.
    private static readonly string[] s_modes = [ReadOnly, "rw", "z", "Z"];

    /// <summary>Reads a shared folder; null with a sentence for people if it is none.</summary>
    internal static SharedFolder? TryParse(string text, out string problem)
    {
        string paths = text;
        bool isReadOnly = false;
        while (Array.Find(s_modes, mode => EndsWith(paths, mode)) is { } mode)
        {
            isReadOnly |= mode == ReadOnly;
            paths = paths[..^(mode.Length + 1)];
        }
        // A colon may be part of the host's name; the guest's begins with a slash.
        int colon = paths.LastIndexOf(":/", StringComparison.Ordinal);
        if (colon < 0) colon = paths.LastIndexOf(':');
        string host = colon < 0 ? paths : paths[..colon], guest = colon < 0 ? "" : paths[(colon + 1)..];
        problem = host.Length == 0 ? $"the folder of the host is missing; write --share .:{guest} to share this one"
            : guest.Length == 0 ? $"where is it to appear in the guest? Write --share {host}:/mnt"
            : !guest.StartsWith('/') ? $"{guest} is no absolute path of the guest; write --share {host}:/{guest}"
            : "";
        return problem.Length != 0 ? null
            : new SharedFolder { HostPath = Path.GetFullPath(host), GuestPath = guest, IsReadOnly = isReadOnly };
    }

    // "project:ro" alone is a folder and a path that is none.
    private static bool EndsWith(string text, string mode) =>
        text.EndsWith("," + mode, StringComparison.Ordinal) || (text.EndsWith(":" + mode, StringComparison.Ordinal) && text.Contains(":/", StringComparison.Ordinal));
}
