using System.Globalization;
using System.Text;

namespace Doppel.Images.Archives;

/// <summary>
/// Builds an archive in the "new ASCII" cpio format (magic 070701) that Linux unpacks as an initramfs
/// (Documentation/driver-api/early-userspace/buffer-format.rst). The same content always gives the same bytes: entries are sorted,
/// inode numbers count up, owner is root and the time stamp is fixed.
/// Thread contract: one thread at a time.
/// </summary>
internal sealed class CpioArchive
{
    private const int HeaderLength = 110;
    private const uint TypeDirectory = 0x4000;
    private const uint TypeFile = 0x8000;
    private const uint TypeSymlink = 0xA000;
    private const uint TypeCharacterDevice = 0x2000;
    private const string Trailer = "TRAILER!!!";

    private readonly SortedDictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    /// <summary>Number of entries, parents that were added on the way included.</summary>
    public int Count => _entries.Count;

    /// <summary>True if the path is in the archive already.</summary>
    public bool Contains(string path) => _entries.ContainsKey(path);

    /// <summary>Adds a directory; one that exists keeps its place and takes the new mode.</summary>
    public void AddDirectory(string path, uint mode = 0x1ED)
    {
        Check(path);
        AddParents(path);
        if (_entries.TryGetValue(path, out Entry old) && (old.Mode & 0xF000) != TypeDirectory)
            throw new ArgumentException($"{path} is in the archive and is no directory", nameof(path));
        _entries[path] = new Entry(TypeDirectory | mode, default, 0, 0);
    }

    /// <summary>Adds a regular file with permission bits <paramref name="mode"/> (octal 644 unless told).</summary>
    public void AddFile(string path, ReadOnlyMemory<byte> data, uint mode = 0x1A4) =>
        Add(path, new Entry(TypeFile | mode, data, 0, 0));

    /// <summary>Adds a symbolic link.</summary>
    public void AddSymlink(string path, string target) =>
        Add(path, new Entry(TypeSymlink | 0x1FF, Encoding.UTF8.GetBytes(target), 0, 0));

    /// <summary>Adds a character device node.</summary>
    public void AddCharacterDevice(string path, uint major, uint minor, uint mode) =>
        Add(path, new Entry(TypeCharacterDevice | mode, default, major, minor));

    /// <summary>The archive, its length a multiple of four so that another one may follow it.</summary>
    public byte[] ToArray()
    {
        int length = Record(Trailer, 0);
        foreach ((string path, Entry entry) in _entries)
            length = checked(length + Record(path, entry.Data.Length));
        byte[] archive = new byte[length];
        int at = 0;
        uint inode = 0;
        foreach ((string path, Entry entry) in _entries)
            at += WriteRecord(archive.AsSpan(at), path, entry, ++inode);
        WriteRecord(archive.AsSpan(at), Trailer, default, 0);
        return archive;
    }

    private static int Record(string path, int dataLength) =>
        checked(Align(HeaderLength + Encoding.UTF8.GetByteCount(path) + 1) + Align(dataLength));

    private static int Align(int length) => checked(length + 3) & ~3;

    private static int WriteRecord(Span<byte> to, string path, in Entry entry, uint inode)
    {
        int nameLength = Encoding.UTF8.GetByteCount(path) + 1;
        uint links = (entry.Mode & 0xF000) == TypeDirectory ? 2u : 1u;
        // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
        ReadOnlySpan<uint> fields =
        [
            inode, entry.Mode, 0, 0, links, 0, (uint)entry.Data.Length, 0, 0, entry.Major, entry.Minor, (uint)nameLength, 0,
        ];
        "070701"u8.CopyTo(to);
        for (int i = 0; i < fields.Length; i++)
            fields[i].TryFormat(to.Slice(6 + (8 * i), 8), out _, "X8", CultureInfo.InvariantCulture);
        Encoding.UTF8.GetBytes(path, to[HeaderLength..]);
        int dataAt = Align(HeaderLength + nameLength);
        entry.Data.Span.CopyTo(to[dataAt..]);
        return dataAt + Align(entry.Data.Length);
    }

    private void Add(string path, in Entry entry)
    {
        Check(path);
        AddParents(path);
        if (!_entries.TryAdd(path, entry)) throw new ArgumentException($"{path} is in the archive already", nameof(path));
    }

    private void AddParents(string path)
    {
        for (int slash = path.IndexOf('/', StringComparison.Ordinal); slash >= 0; slash = path.IndexOf('/', slash + 1))
        {
            string parent = path[..slash];
            if (!_entries.TryGetValue(parent, out Entry entry)) _entries.Add(parent, new Entry(TypeDirectory | 0x1ED, default, 0, 0));
            else if ((entry.Mode & 0xF000) != TypeDirectory)
                throw new ArgumentException($"{parent} is in the archive and is no directory", nameof(path));
        }
    }

    private static void Check(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (path == Trailer || path.Contains('\0', StringComparison.Ordinal)
            || path.Split('/').Any(part => part is "" or "." or ".."))
            throw new ArgumentException($"'{path}' is no plain relative path", nameof(path));
    }

    private readonly record struct Entry(uint Mode, ReadOnlyMemory<byte> Data, uint Major, uint Minor);
}
