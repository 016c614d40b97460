using Doppel.Host;

namespace Doppel.Agent;

/// <summary>Walks a file or folder of the host. Thread contract: static, no state.</summary>
internal static class HostTree
{
    private const UnixFileMode LinkMode = (UnixFileMode)0x1FF;

    /// <summary>The path itself and all below it, folders before what is in them; links are not followed, devices and sockets left out.</summary>
    internal static IEnumerable<(string Path, GuestFileInfo Entry)> Walk(string root)
    {
        Stack<(string Path, string Relative)> waiting = new([(root, "")]);
        while (waiting.TryPop(out (string Path, string Relative) next))
        {
            GuestFileInfo entry = Describe(next.Path, next.Relative);
            if (entry.Kind == GuestFileKind.Other) continue;
            yield return (next.Path, entry);
            if (entry.Kind != GuestFileKind.Folder) continue;
            DirectoryInfo folder = new(next.Path);
            foreach (FileSystemInfo child in folder.EnumerateFileSystemInfos().OrderByDescending(static c => c.Name, StringComparer.Ordinal))
                waiting.Push((child.FullName, GuestPath.Join(next.Relative, child.Name)));
        }
    }

    private static GuestFileInfo Describe(string path, string relative)
    {
        FileInfo file = new(path);
        bool isLink = file.LinkTarget is not null, isFolder = !isLink && Directory.Exists(path);
        GuestFileKind kind = isLink ? GuestFileKind.Link : isFolder ? GuestFileKind.Folder
            : HostFileKind.IsPlain(path) ? GuestFileKind.File : GuestFileKind.Other;
        // A link has no permissions of its own, and the runtime would tell those of what it leads to.
        UnixFileMode mode = isLink ? LinkMode : file.UnixFileMode;
        return new GuestFileInfo(relative, kind, mode, kind == GuestFileKind.File ? file.Length : 0)
        {
            ModifiedNs = Math.Max(0, (file.LastWriteTimeUtc - DateTime.UnixEpoch).Ticks * 100),
            Target = file.LinkTarget ?? "",
        };
    }
}
