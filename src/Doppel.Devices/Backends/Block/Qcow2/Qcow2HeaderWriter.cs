using System.Buffers.Binary;
using System.Text;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Writes the header, whole for a new image and field by field for an open one: fields that must change together lie in one sector, which
/// storage writes whole or not at all. Thread contract: as its owner.
/// </summary>
internal sealed class Qcow2HeaderWriter(IImageFile file, Qcow2Header header)
{
    /// <summary>Builds the first cluster of a new image.</summary>
    internal static byte[] Build(Qcow2Header header)
    {
        byte[] cluster = new byte[header.ClusterBytes];
        Span<byte> bytes = cluster;
        byte[] backing = Encoding.UTF8.GetBytes(header.BackingPath ?? "");
        U32(bytes, 0, Qcow2Format.Magic);
        U32(bytes, 4, (uint)header.Version);
        U32(bytes, 20, (uint)header.ClusterBits);
        U64(bytes, 24, (ulong)header.Size);
        U32(bytes, 36, (uint)header.L1Entries);
        U64(bytes, 40, (ulong)header.L1Offset);
        U64(bytes, 48, (ulong)header.RefcountTableOffset);
        U32(bytes, 56, (uint)header.RefcountTableClusters);
        if (header.Version >= 3)
        {
            U64(bytes, 72, header.Incompatible);
            U64(bytes, 80, header.Compatible);
            U32(bytes, 96, (uint)header.RefcountOrder);
            U32(bytes, 100, (uint)header.HeaderLength);
            bytes[104] = (byte)header.CompressionType;
        }
        int at = header.HeaderLength;
        if (header.BackingFormat is { } format)
            at = Extension(bytes, at, Qcow2Format.BackingFormatExtension, Encoding.UTF8.GetBytes(format));
        at += 8;
        if (backing.Length == 0) return cluster;
        if (backing.Length > Math.Min(Qcow2Format.MaxBackingPath, header.ClusterBytes - at))
            throw new DiskImageException($"The path of the backing file {header.BackingPath} is too long for an image; use a shorter or "
                + "a relative one");
        U64(bytes, 8, (ulong)at);
        U32(bytes, 16, (uint)backing.Length);
        backing.CopyTo(bytes[at..]);
        return cluster;
    }

    internal void WriteRefcountTablePlace(long offset, int clusters)
    {
        PinnedBuffer bytes = new(12);
        U64(bytes.Span, 0, (ulong)offset);
        U32(bytes.Span, 8, (uint)clusters);
        file.Write(48, bytes);
    }

    /// <summary>Writes size of the disk and place of the L1 table, which lie side by side around fields that are zero or kept.</summary>
    internal void WriteSizeAndL1()
    {
        PinnedBuffer bytes = new(24);
        U64(bytes.Span, 0, (ulong)header.Size);
        // Between them, at 32: no encryption, as the reader has made sure.
        U32(bytes.Span, 12, (uint)header.L1Entries);
        U64(bytes.Span, 16, (ulong)header.L1Offset);
        file.Write(24, bytes);
    }

    internal void WriteFeatures()
    {
        PinnedBuffer bytes = new(24);
        U64(bytes.Span, 0, header.Incompatible);
        U64(bytes.Span, 8, header.Compatible);
        U64(bytes.Span, 16, header.Autoclear);
        file.Write(72, bytes);
    }

    private static int Extension(Span<byte> bytes, int at, uint type, byte[] data)
    {
        U32(bytes, at, type);
        U32(bytes, at + 4, (uint)data.Length);
        data.CopyTo(bytes[(at + 8)..]);
        return at + 8 + ((data.Length + 7) & ~7);
    }

    private static void U32(Span<byte> bytes, int offset, uint value) => BinaryPrimitives.WriteUInt32BigEndian(bytes[offset..], value);

    private static void U64(Span<byte> bytes, int offset, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(bytes[offset..], value);
}
