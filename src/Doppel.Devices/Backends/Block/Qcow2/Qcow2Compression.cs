using System.IO.Compression;
using Doppel.Devices.Backends.Block.Zstd;
using Doppel.Host;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Reads compressed clusters (section "Compressed Clusters Descriptor"). The last one that was read is kept, since guests read in smaller
/// pieces. Thread contract: any thread.
/// </summary>
internal sealed class Qcow2Compression(IImageFile file, Qcow2Header header)
{
    private const int Sector = 512;

    private readonly Lock _gate = new();
    private PinnedBuffer? _packed;
    private byte[]? _cluster;
    private ulong _entry;

    /// <summary>Where a compressed cluster lies and how many bytes it has at most.</summary>
    internal static (long Offset, int Bytes) Place(ulong entry, int clusterBits)
    {
        int shift = 62 - (clusterBits - 8);
        long offset = (long)(entry & ((1UL << shift) - 1));
        int sectors = (int)(entry >> shift & ((1UL << (clusterBits - 8)) - 1)) + 1;
        return (offset, sectors * Sector - (int)(offset & (Sector - 1)));
    }

    /// <summary>The entry for a compressed cluster.</summary>
    internal static ulong Entry(long offset, int bytes, int clusterBits)
    {
        int shift = 62 - (clusterBits - 8);
        long more = (offset + bytes - 1) / Sector - offset / Sector;
        return Qcow2Format.Compressed | (ulong)more << shift | (ulong)offset;
    }

    /// <summary>Copies a part of a cluster.</summary>
    internal void Read(ulong entry, int inside, int length, ref BufferCursor cursor)
    {
        lock (_gate)
        {
            Load(entry);
            cursor.CopyFrom(_cluster.AsSpan(inside, length));
        }
    }

    /// <summary>Copies a cluster.</summary>
    internal void Read(ulong entry, Span<byte> target)
    {
        lock (_gate)
        {
            Load(entry);
            _cluster.CopyTo(target);
        }
    }

    /// <summary>Packs a cluster; null if it does not become smaller.</summary>
    internal static byte[]? Pack(byte[] cluster, Qcow2CompressionType type)
    {
        if (type == Qcow2CompressionType.Zstd)
        {
            byte[] frame = new byte[cluster.Length - 1];
            return HostZstd.TryPack(cluster, frame, out int length) ? frame[..length] : null;
        }
        using MemoryStream packed = new(cluster.Length);
        using (DeflateStream deflate = new(packed, CompressionLevel.Optimal, leaveOpen: true)) deflate.Write(cluster);
        return packed.Length < cluster.Length ? packed.ToArray() : null;
    }

    /// <summary>The place is about to be used for something else.</summary>
    internal void Forget()
    {
        lock (_gate) _entry = 0;
    }

    private void Load(ulong entry)
    {
        if (_entry == entry) return;
        (long offset, int bytes) = Place(entry, header.ClusterBits);
        _packed ??= new PinnedBuffer(header.ClusterBytes * 2);
        _cluster ??= new byte[header.ClusterBytes];
        _entry = 0;
        HostBuffer packed = _packed.Slice(0, bytes);
        file.Read(offset, [packed]);
        try
        {
            Unpack(_packed.Array.AsSpan(0, bytes));
        }
        catch (InvalidDataException e)
        {
            throw new DiskImageException($"{file.Path} is damaged: the compressed cluster at 0x{offset:x} can not be read "
                + $"({e.Message}); restore the image from a copy", e);
        }
        _entry = entry;
    }

    // What follows the compressed data in its last sector is none of it.
    private void Unpack(ReadOnlySpan<byte> packed)
    {
        int count = header.CompressionType == Qcow2CompressionType.Zstd ? ZstdDecoder.Decode(packed, _cluster!) : Inflate(packed.Length);
        if (count != header.ClusterBytes) throw new InvalidDataException($"it has {count} bytes");
    }

    private int Inflate(int length)
    {
        using MemoryStream source = new(_packed!.Array, 0, length, writable: false);
        using DeflateStream inflate = new(source, CompressionMode.Decompress);
        return inflate.ReadAtLeast(_cluster, header.ClusterBytes, throwOnEndOfStream: false);
    }
}
