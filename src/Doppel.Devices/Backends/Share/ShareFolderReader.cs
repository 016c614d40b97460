using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Share;

/// <summary>Reads an open folder in pieces as the guest asks for them. Thread contract: one thread at a time.</summary>
internal sealed class ShareFolderReader
{
    // struct linux_dirent64 (getdents64(2)): number, place of the next entry, length of this one, type, name with a NUL behind it.
    private const int PlaceOffset = 8, LengthOffset = 16, TypeOffset = 18, NameOffset = 19;
    private const int FixedReplyBytes = ShareQid.Size + 8 + 1 + 2;
    // More than the longest entry has.
    private const int FewestBytes = 512;
    private const byte FolderType = 4, SymlinkType = 10;

    private ulong _place;
    private bool _isAhead;

    /// <summary>Writes entries from a place on, as many whole ones as there is room for.</summary>
    /// <param name="fid">The handle of the open folder.</param>
    /// <param name="place">Zero, or what came with the last entry that the guest has.</param>
    /// <param name="buffer">Room for entries as the host gives them; what is left of them is read again.</param>
    /// <param name="room">Bytes that the entries may take.</param>
    /// <param name="reply">Receives them.</param>
    internal int Read(ShareFid fid, ulong place, Span<byte> buffer, int room, ref ShareWriter reply)
    {
        if (place != _place || _isAhead)
        {
            int error = fid.File!.Seek((long)place);
            if (error != 0) return error;
            _place = place;
            _isAhead = false;
        }
        while (true)
        {
            int error = fid.File!.ReadEntries(buffer[..Math.Clamp(room, FewestBytes, buffer.Length)], out int end);
            if (error != 0 || end == 0) return error;
            ReadOnlySpan<byte> entries = buffer[..end];
            while (!entries.IsEmpty)
            {
                ReadOnlySpan<byte> entry = entries[..BinaryPrimitives.ReadUInt16LittleEndian(entries[LengthOffset..])];
                ReadOnlySpan<byte> name = entry[NameOffset..];
                name = name[..name.IndexOf((byte)0)];
                room -= FixedReplyBytes + name.Length;
                _isAhead = room < 0;
                if (_isAhead) return 0;
                _place = BinaryPrimitives.ReadUInt64LittleEndian(entry[PlaceOffset..]);
                entries = entries[entry.Length..];
                Write(fid, entry, name, ref reply);
            }
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
