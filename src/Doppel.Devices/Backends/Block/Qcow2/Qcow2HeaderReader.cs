using System.Buffers.Binary;
using System.Text;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Reads and judges the header (sections "Header" and "Header extensions"). Nothing in it is believed. Thread contract: static, no state.
/// </summary>
internal static class Qcow2HeaderReader
{
    /// <summary>Reads the header of an image.</summary>
    /// <exception cref="DiskImageException">It is no qcow2 image, damaged, or uses what is not supported.</exception>
    internal static Qcow2Header Read(IImageFile file)
    {
        PinnedBuffer start = new(Qcow2Format.Version3HeaderLength + 8);
        file.Read(0, start);
        ReadOnlySpan<byte> fixedPart = start.Span;
        if (U32(fixedPart, 0) != Qcow2Format.Magic)
            throw new DiskImageException($"{file.Path} is no qcow2 image; give its real format with format=");
        int version = (int)Math.Min(U32(fixedPart, 4), 99), clusterBits = (int)Math.Min(U32(fixedPart, 20), 99);
        if (version is not (2 or 3))
            throw new DiskImageException($"{file.Path} is a qcow2 image of version {version}; only versions 2 and 3 are supported");
        if (clusterBits is < Qcow2Format.MinClusterBits or > Qcow2Format.MaxClusterBits)
            throw Damaged(file, $"its clusters have 2^{clusterBits} bytes");
        PinnedBuffer cluster = new(Math.Max(1 << clusterBits, start.Length));
        file.Read(0, cluster);
        return Parse(file, cluster.Span, version, clusterBits);
    }

    private static Qcow2Header Parse(IImageFile file, ReadOnlySpan<byte> bytes, int version, int clusterBits)
    {
        bool is3 = version == 3;
        ulong incompatible = is3 ? U64(bytes, 72) : 0;
        int headerLength = is3 ? Length(file, bytes, clusterBits) : Qcow2Format.Version2HeaderLength;
        byte compression = headerLength > Qcow2Format.Version3HeaderLength ? bytes[Qcow2Format.Version3HeaderLength] : (byte)0;
        Extensions extensions = ReadExtensions(file, bytes[..(1 << clusterBits)], headerLength);
        CheckFeatures(file, incompatible, compression, U32(bytes, 32), extensions.FeatureNames);
        Qcow2Header header = new()
        {
            Version = version,
            ClusterBits = clusterBits,
            Size = Long(file, bytes, 24, "size"),
            L1Entries = Int(file, bytes, 36, Qcow2Format.MaxL1Bytes / 8, "L1 table"),
            L1Offset = Long(file, bytes, 40, "L1 table"),
            RefcountTableOffset = Long(file, bytes, 48, "refcount table"),
            RefcountTableClusters = Int(file, bytes, 56, Qcow2Format.MaxRefcountTableBytes >> clusterBits, "refcount table"),
            SnapshotCount = Int(file, bytes, 60, Qcow2Format.MaxSnapshots, "snapshot table"),
            SnapshotsOffset = Long(file, bytes, 64, "snapshot table"),
            Incompatible = incompatible,
            Compatible = is3 ? U64(bytes, 80) : 0,
            Autoclear = is3 ? U64(bytes, 88) : 0,
            RefcountOrder = is3 ? Int(file, bytes, 96, Qcow2Format.MaxRefcountOrder, "reference counts") : 4,
            CompressionType = (Qcow2CompressionType)compression,
            HeaderLength = headerLength,
            BackingPath = BackingPath(file, bytes[..(1 << clusterBits)]),
            BackingFormat = extensions.BackingFormat,
            Bitmaps = extensions.Bitmaps,
        };
        CheckPlaces(file, header);
        return header;
    }

    private static void CheckFeatures(IImageFile file, ulong incompatible, byte compression, uint encryption, Dictionary<int, string> names)
    {
        if (encryption != 0)
            throw new DiskImageException($"{file.Path} is encrypted, which is not supported; decrypt it with `qemu-img convert`");
        if ((incompatible & Qcow2Format.ExternalDataFeature) != 0) throw Unsupported(file, "keeps its data in a second file");
        if ((incompatible & Qcow2Format.ExtendedL2Feature) != 0) throw Unsupported(file, "has extended L2 entries (subclusters)");
        ulong unknown = incompatible & ~Qcow2Format.KnownIncompatible;
        if (unknown != 0)
        {
            IEnumerable<string> list = Enumerable.Range(0, 64).Where(b => (unknown >> b & 1) != 0).Select(b => names.GetValueOrDefault(b, $"bit {b}"));
            throw Unsupported(file, $"uses features that are not known here: {string.Join(", ", list)}");
        }
        if (compression > (byte)Qcow2CompressionType.Zstd) throw Unsupported(file, $"is compressed by method {compression}");
        if ((compression != 0) != ((incompatible & Qcow2Format.CompressionFeature) != 0))
            throw Damaged(file, "its compression type and its features do not agree");
    }

    private static void CheckPlaces(IImageFile file, Qcow2Header header)
    {
        if (header.Size > Qcow2Header.LargestDisk(header.ClusterBits))
            throw Damaged(file, $"a disk of {header.Size} bytes needs too long an L1 table");
        if (header.L1Entries < Qcow2Header.L1EntriesFor(header.Size, header.ClusterBits))
            throw Damaged(file, "its L1 table is too short for its size");
        if (header.RefcountTableClusters == 0) throw Damaged(file, "it has no refcount table");
        (string Name, long Offset)[] tables =
        [
            ("L1 table", header.L1Entries == 0 ? 0 : header.L1Offset),
            ("refcount table", header.RefcountTableOffset),
            ("snapshot table", header.SnapshotCount == 0 ? 0 : header.SnapshotsOffset),
        ];
        foreach ((string name, long offset) in tables)
        {
            if ((offset & (header.ClusterBytes - 1)) != 0) throw Damaged(file, $"its {name} does not begin with a cluster");
            if (offset >= file.Length)
                throw Damaged(file, $"its {name} lies behind the end of the file, which has {file.Length} bytes and may have been cut "
                    + "short");
        }
    }

    private static int Length(IImageFile file, ReadOnlySpan<byte> bytes, int clusterBits)
    {
        int length = Int(file, bytes, 100, 1 << clusterBits, "header");
        return length >= Qcow2Format.Version3HeaderLength && length % 8 == 0
            ? length
            : throw Damaged(file, $"its header is {length} bytes long");
    }

    private static string? BackingPath(IImageFile file, ReadOnlySpan<byte> cluster)
    {
        ulong offset = U64(cluster, 8);
        uint length = U32(cluster, 16);
        if (offset == 0) return null;
        if (length > Qcow2Format.MaxBackingPath || offset > (ulong)cluster.Length - length)
            throw Damaged(file, "the name of its backing file lies outside of the header");
        string path = Encoding.UTF8.GetString(cluster.Slice((int)offset, (int)length));
        return path.Contains('\0', StringComparison.Ordinal) ? throw Damaged(file, "the name of its backing file has a NUL in "
            + "it") : path.Length == 0 ? null : path;
    }

    private static Extensions ReadExtensions(IImageFile file, ReadOnlySpan<byte> cluster, int headerLength)
    {
        Extensions result = new();
        // The name of the backing file ends the extensions.
        ulong backing = U64(cluster, 8);
        int end = backing == 0 || backing > (ulong)cluster.Length ? cluster.Length : (int)backing;
        for (int at = headerLength; at <= end - 8;)
        {
            uint type = U32(cluster, at), length = U32(cluster, at + 4);
            if (type == Qcow2Format.EndExtension) break;
            if (length > (uint)(end - at - 8)) throw Damaged(file, "a header extension is longer than the header");
            result.Add(type, cluster.Slice(at + 8, (int)length));
            at += 8 + (int)((length + 7) & ~7u);
        }
        return result;
    }

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32BigEndian(bytes[offset..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt64BigEndian(bytes[offset..]);

    private static int Int(IImageFile file, ReadOnlySpan<byte> bytes, int offset, long most, string what)
    {
        uint value = U32(bytes, offset);
        return value <= most ? (int)value : throw Damaged(file, $"its {what} is too large ({value})");
    }

    private static long Long(IImageFile file, ReadOnlySpan<byte> bytes, int offset, string what)
    {
        ulong value = U64(bytes, offset);
        return value <= (ulong)(what == "size" ? Qcow2Format.MaxDiskBytes : Qcow2Format.MaxFileOffset - 1)
            ? (long)value
            : throw Damaged(file, $"its {what} has an impossible size or place (0x{value:x})");
    }

    private static DiskImageException Damaged(IImageFile file, string why)
        => new($"The header of {file.Path} is damaged: {why}; restore the image from a copy");

    private static DiskImageException Unsupported(IImageFile file, string why)
        => new($"{file.Path} {why}, which is not supported; make another image of it with `qemu-img convert -O qcow2`");

    private sealed class Extensions
    {
        private const int NameLength = 48;

        internal string? BackingFormat { get; private set; }

        internal Dictionary<int, string> FeatureNames { get; } = [];

        internal (long Offset, long Bytes, int Count) Bitmaps { get; private set; }

        internal void Add(uint type, ReadOnlySpan<byte> data)
        {
            if (type == Qcow2Format.BackingFormatExtension) BackingFormat = Encoding.UTF8.GetString(data[..Math.Min(data.Length, 64)]);
            else if (type == Qcow2Format.FeatureNamesExtension) AddNames(data);
            else if (type == Qcow2Format.BitmapsExtension && data.Length >= 24)
                Bitmaps = ((long)(U64(data, 16) >> 1 << 1), (long)Math.Min(U64(data, 8), int.MaxValue), (int)Math.Min(U32(data, 0), int.MaxValue));
        }

        // "Feature name table": kind, bit, and 46 bytes of name, padded with NUL.
        private void AddNames(ReadOnlySpan<byte> data)
        {
            for (; data.Length >= NameLength; data = data[NameLength..])
            {
                if (data[0] == 0) FeatureNames[data[1]] = Encoding.ASCII.GetString(data[2..NameLength].TrimEnd((byte)0));
            }
        }
    }
}
