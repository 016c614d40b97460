using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Share;

/// <summary>Reads an open folder in pieces as the guest asks for them. Thread contract: one thread at a time.</summary>
internal sealed class ShareFolderReader
{
    // struct linux_dirent64 (getdents64(2)): number, place of the next entry, length of this one, type, name with a NUL behind it.
    private const int PlaceOffset = 8, LengthOffset = 16, TypeOffset = 18, NameOffset = 19;
    // Room for many entries, but little enough that a guest may have many folders open.
    private const int BufferLength = 8 << 10;
    private const int FixedReplyBytes = ShareQid.Size + 8 + 1 + 2;
    private const byte FolderType = 4, SymlinkType = 10;

    private readonly byte[] _buffer = new byte[BufferLength];
    private int _next;
    private int _end;
    private ulong _place;

    /// <summary>Writes entries from a place on, as many whole ones as there is room for.</summary>
    /// <param name="fid">The handle of the open folder.</param>
    /// <param name="place">Zero, or what came with the last entry that the guest has.</param>
    /// <param name="room">Bytes that the entries may take.</param>
    /// <param name="reply">Receives them.</param>
    internal int Read(ShareFid fid, ulong place, int room, ref ShareWriter reply)
    {
        if (place != _place)
        {
            int error = fid.File!.Seek((long)place);
            if (error != 0) return error;
            _next = _end = 0;
            _place = place;
        }
        while (true)
        {
            if (_next == _end)
            {
                int error = fid.File!.ReadEntries(_buffer, out _end);
                _next = 0;
                if (error != 0) return error;
                if (_end == 0) return 0;
            }
            ReadOnlySpan<byte> entry = _buffer.AsSpan(_next, BinaryPrimitives.ReadUInt16LittleEndian(_buffer.AsSpan(_next + LengthOffset)));
            ReadOnlySpan<byte> name = entry[NameOffset..];
            name = name[..name.IndexOf((byte)0)];
            room -= FixedReplyBytes + name.Length;
            if (room < 0) return 0;
            _place = BinaryPrimitives.ReadUInt64LittleEndian(entry[PlaceOffset..]);
            _next += entry.Length;
            Write(fid, entry, name, ref reply);
        }
    }

    private void Write(ShareFid fid, ReadOnlySpan<byte> entry, ReadOnlySpan<byte> name, ref ShareWriter reply)
    {
        byte type = entry[TypeOffset];
        reply.Qid(QidOf(fid, entry, name));
        reply.Long(_place);
        reply.Byte(type);
        reply.Text(name);
    }

    // The parent of the share's folder is the folder itself, as it is for the root of any file system.
    private static ShareQid QidOf(ShareFid fid, ReadOnlySpan<byte> entry, ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual("."u8)) return fid.Node.Qid;
        if (name.SequenceEqual(".."u8)) return (fid.Node.Parent ?? fid.Node).Qid;
        byte kind = entry[TypeOffset] switch { FolderType => ShareQid.Folder, SymlinkType => ShareQid.Symlink, _ => 0 };
        ulong inode = BinaryPrimitives.ReadUInt64LittleEndian(entry);
        return new ShareQid(kind, ShareTree.NumberBeside(fid.Node, inode));
    }
}
