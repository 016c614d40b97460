using System.Formats.Tar;
using System.Text;

namespace Doppel.Images.Roots;

/// <summary>
/// Writes a tar archive of an empty root into which dpkg has unpacked packages: their files, and dpkg's own records of them
/// (dpkg(1), "unpacked"; deb-triggers(5)). The first packages of a root cannot be unpacked by a dpkg inside of it, because there is none yet;
/// what is left, their scripts, needs the machine that they are made for. Thread contract: one caller.
/// </summary>
internal sealed class UnpackedSystem : IDisposable
{
    private const string Database = "var/lib/dpkg/";
    private const UnixFileMode Plain = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode Folder = Plain | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private readonly DebianArchive _archives;
    private readonly TarWriter _tar;
    private readonly HashSet<string> _folders = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, ControlFile> _info = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, StringBuilder> _triggers = new(StringComparer.Ordinal);
    private readonly StringBuilder _status = new();

    /// <summary>Begins an archive.</summary>
    public UnpackedSystem(DebianArchive archives, Stream output)
    {
        _archives = archives;
        _tar = new TarWriter(output, TarEntryFormat.Gnu, leaveOpen: true);
    }

    /// <summary>Adds a package. That of the base files comes first: it brings the links that others' paths go through.</summary>
    public async Task AddAsync(string file, CancellationToken cancellation)
    {
        IReadOnlyDictionary<string, ControlFile> control = await _archives.ReadControlAsync(file, cancellation).ConfigureAwait(false);
        var package = UnpackedPackage.Parse(control);
        var paths = new StringBuilder();
        await _archives.ReadContentAsync(file, async entry =>
        {
            string path = DebianArchive.PathOf(entry);
            paths.Append(path).Append('\n');
            // A folder that is there already keeps its owner and mode.
            if (entry.EntryType == TarEntryType.Directory && !_folders.Add(path)) return;
            // Configuration waits beside its place until the package is configured.
            if (package.Conffiles.Contains(path, StringComparer.Ordinal)) entry.Name += ".dpkg-new";
            await _tar.WriteEntryAsync(entry, cancellation).ConfigureAwait(false);
        }, cancellation).ConfigureAwait(false);
        foreach ((string name, ControlFile content) in control.Where(static c => c.Key != "control")) _info[$"{package.InfoName}.{name}"] = content;
        _info[package.InfoName + ".list"] = new ControlFile(Plain, Encoding.UTF8.GetBytes(paths.ToString()));
        foreach ((string trigger, string line) in package.Interests)
        {
            if (!_triggers.TryGetValue(trigger, out StringBuilder? lines)) _triggers[trigger] = lines = new StringBuilder();
            lines.Append(line).Append('\n');
        }
        _status.Append(package.StatusStanza).Append('\n');
    }

    /// <summary>Writes dpkg's records and ends the archive.</summary>
    public async Task FinishAsync(CancellationToken cancellation)
    {
        foreach (string folder in (ReadOnlySpan<string>)["info", "triggers", "updates", "parts"]) AddFolder(Database + folder);
        Add("status", _status.ToString());
        Add("available", "");
        Add("triggers/Lock", "");
        foreach ((string name, StringBuilder lines) in _triggers) Add("triggers/" + name, lines.ToString());
        // Version 1: the files of a package that several architectures share carry its architecture.
        Add("info/format", "1\n");
        foreach ((string name, ControlFile file) in _info) Add("info/" + name, file);
        await _tar.DisposeAsync().ConfigureAwait(false);
        cancellation.ThrowIfCancellationRequested();
    }

    public void Dispose() => _tar.Dispose();

    private void AddFolder(string path) => _tar.WriteEntry(new GnuTarEntry(TarEntryType.Directory, $"./{path}") { Mode = Folder });

    private void Add(string path, string text) => Add(path, new ControlFile(Plain, Encoding.UTF8.GetBytes(text)));

    private void Add(string path, ControlFile file) => _tar.WriteEntry(new GnuTarEntry(TarEntryType.RegularFile, $"./{Database}{path}")
    {
        Mode = file.Mode,
        DataStream = new MemoryStream(file.Content),
    });
}
