using System.Buffers.Binary;
using System.Text;

namespace Doppel.Agent;

/// <summary>Kinds of files.</summary>
public enum GuestFileKind
{
    /// <summary>A plain file.</summary>
    File,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A symbolic link.</summary>
    Link,

    /// <summary>A device, a pipe or a socket.</summary>
    Other,
}

/// <summary>What a guest's file system knows of a file.</summary>
/// <param name="Path">Path, below what was asked for; empty for that itself.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Mode">Permissions, as <c>chmod</c> counts them.</param>
/// <param name="Size">Bytes, for a plain file.</param>
public sealed record GuestFileInfo(string Path, GuestFileKind Kind, UnixFileMode Mode, long Size)
{
    /// <summary>When it was changed, in nanoseconds since 1970 UTC.</summary>
    public long ModifiedNs { get; init; }

    /// <summary>Number of the user who owns it.</summary>
    public uint UserId { get; init; }

    /// <summary>Number of the group that owns it.</summary>
    public uint GroupId { get; init; }

    /// <summary>Where a symbolic link leads; empty for others.</summary>
    public string Target { get; init; } = "";
}

/// <summary>Entries as they travel: mode, user, group, size, time; then path and target, each with a zero byte behind.</summary>
internal static class AgentEntry
{
    private const int FixedLength = 32;
    private const uint TypeMask = 0xF000, FolderType = 0x4000, FileType = 0x8000, LinkType = 0xA000;

    internal static byte[] Write(GuestFileInfo info)
    {
        byte[] path = Encoding.UTF8.GetBytes(info.Path), target = Encoding.UTF8.GetBytes(info.Target);
        byte[] entry = new byte[FixedLength + path.Length + target.Length + 2];
        uint type = info.Kind switch { GuestFileKind.Folder => FolderType, GuestFileKind.Link => LinkType, _ => FileType };
        BinaryPrimitives.WriteUInt32LittleEndian(entry, type | (uint)info.Mode);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(4), info.UserId);
        BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(8), info.GroupId);
        BinaryPrimitives.WriteInt64LittleEndian(entry.AsSpan(16), info.Size);
        BinaryPrimitives.WriteInt64LittleEndian(entry.AsSpan(24), info.ModifiedNs);
        path.CopyTo(entry, FixedLength);
        target.CopyTo(entry, FixedLength + path.Length + 1);
        return entry;
    }

    /// <summary>Reads an entry; null if it is not valid.</summary>
    internal static GuestFileInfo? Read(ReadOnlySpan<byte> entry)
    {
        if (entry.Length < FixedLength + 2 || entry[^1] != 0) return null;
        ReadOnlySpan<byte> texts = entry[FixedLength..^1];
        int end = texts.IndexOf((byte)0);
        if (end < 0) return null;
        uint mode = BinaryPrimitives.ReadUInt32LittleEndian(entry);
        long size = Math.Max(0, BinaryPrimitives.ReadInt64LittleEndian(entry[16..]));
        return new GuestFileInfo(Encoding.UTF8.GetString(texts[..end]), KindOf(mode), (UnixFileMode)(mode & 0xFFF), size)
        {
            UserId = BinaryPrimitives.ReadUInt32LittleEndian(entry[4..]),
            GroupId = BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]),
            ModifiedNs = BinaryPrimitives.ReadInt64LittleEndian(entry[24..]),
            Target = Encoding.UTF8.GetString(texts[(end + 1)..]),
        };
    }

    private static GuestFileKind KindOf(uint mode) => (mode & TypeMask) switch
    {
        FolderType => GuestFileKind.Folder,
        FileType => GuestFileKind.File,
        LinkType => GuestFileKind.Link,
        _ => GuestFileKind.Other,
    };
}
