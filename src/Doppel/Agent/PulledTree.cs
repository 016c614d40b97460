using Microsoft.Win32.SafeHandles;

namespace Doppel.Agent;

/// <summary>
/// Writes what comes from a guest below a folder of the host. The guest is hostile: nothing is written elsewhere, whatever paths and links it
/// names. Each folder must be announced before what is in it, is made or found to be a real folder, and nothing is written through a link.
/// Thread contract: one owner.
/// </summary>
internal sealed class PulledTree(string root) : IDisposable
{
    // No set-user-ID of a guest's making on the host.
    private const UnixFileMode Permissions = (UnixFileMode)0x1FF;
    private const UnixFileMode Owners = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly Dictionary<string, GuestFileInfo> _folders = new(StringComparer.Ordinal);
    private SafeFileHandle? _file;
    private GuestFileInfo? _entry;
    private string _path = "";
    private long _offset;

    /// <summary>Takes the next entry.</summary>
    /// <exception cref="GuestAgentException">The guest names a path that leads elsewhere.</exception>
    /// <exception cref="IOException">The host cannot write it.</exception>
    internal void Begin(GuestFileInfo entry)
    {
        FinishFile();
        _path = PathOf(entry.Path);
        _entry = entry;
        switch (entry.Kind)
        {
            case GuestFileKind.Folder:
                if (IsLink(_path) || File.Exists(_path)) throw new IOException($"{_path} is there already, and is no folder");
                Directory.CreateDirectory(_path);
                SetMode(_path, Owners);
                _folders[entry.Path] = entry;
                break;
            case GuestFileKind.Link:
                RemoveFile(_path);
                File.CreateSymbolicLink(_path, entry.Target);
                break;
            case GuestFileKind.File:
                // A link is not written through, nor a file that has other names.
                RemoveFile(_path);
                _file = File.OpenHandle(_path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
                _offset = 0;
                break;
        }
    }

    /// <summary>Takes bytes of the last entry.</summary>
    internal void Append(ReadOnlySpan<byte> bytes)
    {
        if (_file is null) throw new GuestAgentException("The guest's agent sent bytes that belong to no file.");
        RandomAccess.Write(_file, bytes, _offset);
        _offset += bytes.Length;
    }

    /// <summary>All has come: folders, innermost first, get their permissions and times.</summary>
    internal void Complete()
    {
        FinishFile();
        foreach ((string path, GuestFileInfo folder) in _folders.Reverse())
        {
            string at = path.Length == 0 ? root : Path.Combine(root, path);
            SetMode(at, folder.Mode & Permissions);
            Directory.SetLastWriteTimeUtc(at, TimeOf(folder));
        }
    }

    public void Dispose() => _file?.Dispose();

    private void FinishFile()
    {
        if (_file is null) return;
        _file.Dispose();
        _file = null;
        SetMode(_path, _entry!.Mode & Permissions);
        File.SetLastWriteTimeUtc(_path, TimeOf(_entry));
    }

    private static DateTime TimeOf(GuestFileInfo entry) =>
        DateTime.UnixEpoch.AddTicks(Math.Clamp(entry.ModifiedNs / 100, 0, (DateTime.MaxValue - DateTime.UnixEpoch).Ticks));

    private string PathOf(string path)
    {
        if (path.Length == 0) return root;
        string[] parts = path.Split('/');
        string parent = parts.Length == 1 ? "" : string.Join('/', parts[..^1]);
        bool isSafe = !parts.Any(static p => p is "" or "." or "..") && !path.Contains('\0', StringComparison.Ordinal) && _folders.ContainsKey(parent);
        return isSafe ? Path.Combine(root, path) : throw new GuestAgentException($"The guest names a path that leads out of what was asked for: {GuestText.Printable(path)}");
    }

    private static void RemoveFile(string path)
    {
        if (Directory.Exists(path) && !IsLink(path)) throw new IOException($"{path} is a folder, and the guest sends something else of that name");
        File.Delete(path);
    }

    private static bool IsLink(string path) => new FileInfo(path).LinkTarget is not null;

    private static void SetMode(string path, UnixFileMode mode)
    {
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, mode);
    }
}
