using System.Buffers.Binary;
using System.Text;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Records another image below an image, and keeps everything else that its header says. Thread contract: nobody else uses the image.
/// </summary>
internal static class Qcow2BackingRecord
{
    /// <summary>Writes the record.</summary>
    /// <param name="file">The image's file.</param>
    /// <param name="header">Its header, which was checked.</param>
    /// <param name="backing">Path of the image below, or null for none.</param>
    /// <param name="format">Its format.</param>
    internal static void Write(IImageFile file, Qcow2Header header, string? backing, string? format)
    {
        PinnedBuffer cluster = new(header.ClusterBytes);
        file.Read(0, cluster);
        byte[] old = cluster.Span.ToArray();
        Span<byte> bytes = cluster.Span;
        bytes[header.HeaderLength..].Clear();
        int at = CopyExtensions(old, header.HeaderLength, bytes);
        if (backing is not null && format is not null)
            at = Append(file, bytes, at, Qcow2Format.BackingFormatExtension, Encoding.UTF8.GetBytes(format));
        at += 8;
        byte[] path = Encoding.UTF8.GetBytes(backing ?? "");
        if (path.Length > Math.Min(Qcow2Format.MaxBackingPath, bytes.Length - at)) throw TooLong(file);
        path.CopyTo(bytes[at..]);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], path.Length == 0 ? 0 : (ulong)at);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[16..], (uint)path.Length);
        // One write, mostly of one sector or two.
        int end = Math.Min(bytes.Length, Math.Max(at + path.Length, LastUsed(old)) + 511 & ~511);
        file.Write(0, cluster, 0, end);
        file.Flush();
    }

    private static int CopyExtensions(ReadOnlySpan<byte> old, int start, Span<byte> bytes)
    {
        int to = start, backing = (int)Math.Min(BinaryPrimitives.ReadUInt64BigEndian(old[8..]), (ulong)old.Length);
        int end = backing == 0 ? old.Length : backing;
        for (int from = start; from <= end - 8;)
        {
            uint type = BinaryPrimitives.ReadUInt32BigEndian(old[from..]);
            // The header's reader has made sure of the lengths.
            int length = 8 + (int)((BinaryPrimitives.ReadUInt32BigEndian(old[(from + 4)..]) + 7) & ~7u);
            if (type == Qcow2Format.EndExtension || from + length > old.Length) break;
            if (type != Qcow2Format.BackingFormatExtension)
            {
                old.Slice(from, length).CopyTo(bytes[to..]);
                to += length;
            }
            from += length;
        }
        return to;
    }

    private static int Append(IImageFile file, Span<byte> bytes, int at, uint type, byte[] data)
    {
        int length = 8 + (data.Length + 7 & ~7);
        if (at + length + 8 > bytes.Length) throw TooLong(file);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[at..], type);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[(at + 4)..], (uint)data.Length);
        data.CopyTo(bytes[(at + 8)..]);
        return at + length;
    }

    private static int LastUsed(ReadOnlySpan<byte> bytes) => bytes.LastIndexOfAnyExcept((byte)0) + 1;

    private static DiskImageException TooLong(IImageFile file)
        => new($"The header of {file.Path} has no room for that path; use a shorter or a relative one");
}
