using System.Buffers.Binary;
using System.Text;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>An internal snapshot of an image (section "Snapshots").</summary>
/// <param name="Id">Its number, as text.</param>
/// <param name="Name">Its name.</param>
/// <param name="Seconds">When it was made, in seconds since 1970.</param>
/// <param name="StateBytes">Size of the machine's state with it; zero if it has none.</param>
/// <param name="L1Offset">Place of its L1 table.</param>
/// <param name="L1Entries">Entries of its L1 table.</param>
internal sealed record Qcow2Snapshot(string Id, string Name, long Seconds, long StateBytes, long L1Offset, int L1Entries)
{
    private const int FixedLength = 40;

    /// <summary>Reads the snapshot table.</summary>
    /// <param name="file">The image's file.</param>
    /// <param name="header">Its header.</param>
    /// <param name="bytes">Length of the table.</param>
    /// <exception cref="DiskImageException">It is damaged.</exception>
    internal static IReadOnlyList<Qcow2Snapshot> ReadAll(IImageFile file, Qcow2Header header, out long bytes)
    {
        List<Qcow2Snapshot> snapshots = [];
        bytes = 0;
        for (int i = 0; i < header.SnapshotCount; i++)
        {
            PinnedBuffer start = new(FixedLength);
            file.Read(header.SnapshotsOffset + bytes, start);
            int idLength = BinaryPrimitives.ReadUInt16BigEndian(start.Span[12..]), nameLength = BinaryPrimitives.ReadUInt16BigEndian(start.Span[14..]);
            uint extra = BinaryPrimitives.ReadUInt32BigEndian(start.Span[36..]);
            if (extra > 1024 || bytes > Qcow2Format.MaxSnapshotTableBytes) throw Damaged(file);
            PinnedBuffer rest = new((int)extra + idLength + nameLength);
            file.Read(header.SnapshotsOffset + bytes + FixedLength, rest);
            snapshots.Add(Parse(file, start.Span, rest.Span[..(int)extra], rest.Span.Slice((int)extra, idLength), rest.Span[((int)extra + idLength)..]));
            bytes += (FixedLength + rest.Length + 7) & ~7;
        }
        return snapshots;
    }

    private static Qcow2Snapshot Parse(IImageFile file, ReadOnlySpan<byte> start, ReadOnlySpan<byte> extra, ReadOnlySpan<byte> id, ReadOnlySpan<byte> name)
    {
        ulong offset = BinaryPrimitives.ReadUInt64BigEndian(start);
        uint entries = BinaryPrimitives.ReadUInt32BigEndian(start[8..]);
        if (offset >= Qcow2Format.MaxFileOffset || entries > Qcow2Format.MaxL1Bytes / 8) throw Damaged(file);
        long state = extra.Length >= 8
            ? (long)Math.Min(BinaryPrimitives.ReadUInt64BigEndian(extra), long.MaxValue)
            : BinaryPrimitives.ReadUInt32BigEndian(start[32..]);
        uint seconds = BinaryPrimitives.ReadUInt32BigEndian(start[16..]);
        return new(Encoding.UTF8.GetString(id), Encoding.UTF8.GetString(name), seconds, state, (long)offset, (int)entries);
    }

    private static DiskImageException Damaged(IImageFile file)
        => new($"{file.Path} is damaged: its snapshot table makes no sense; restore the image from a copy");
}
