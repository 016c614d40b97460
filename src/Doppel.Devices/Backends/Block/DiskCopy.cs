using Doppel.Devices.Backends.Block.Qcow2;

namespace Doppel.Devices.Backends.Block;

/// <summary>Copies disks, leaving out what is zero. Thread contract: static, no state.</summary>
internal static class DiskCopy
{
    private const int Chunk = 2 << 20, Granule = 4096;

    /// <summary>Copies a disk to one of the same size that is zero throughout.</summary>
    /// <param name="source">Where from.</param>
    /// <param name="target">Where to.</param>
    /// <param name="compressed">Takes whole clusters packed, or null to write plainly.</param>
    /// <param name="progress">Told how much is done, from 0 to 1.</param>
    /// <param name="cancellation">Ends the copy in the middle.</param>
    internal static void Run(
        IBlockBackend source, IBlockBackend target, Qcow2CompressedWriter? compressed, IProgress<double>? progress,
        CancellationToken cancellation)
    {
        PinnedBuffer buffer = new(Chunk);
        long size = source.Length;
        for (long at = 0; at < size;)
        {
            cancellation.ThrowIfCancellationRequested();
            long most = Math.Min(Chunk - at % Chunk, size - at);
            (long length, bool isZero) = Next(source, at, most, isWhole: compressed is not null);
            if (!isZero)
            {
                source.Read(at, buffer, 0, (int)length);
                if (compressed is null) WriteParts(target, at, buffer, (int)length);
                else WritePacked((Qcow2Image)target, compressed, at, buffer, (int)length);
            }
            at += length;
            progress?.Report((double)at / size);
        }
    }

    // Zeroes as far as they go, data for one chunk; where clusters are packed whole, chunks only.
    private static (long Length, bool IsZero) Next(IBlockBackend source, long at, long chunk, bool isWhole)
    {
        if (source is not IBlockMap map) return (chunk, false);
        BlockExtent extent = map.FindExtent(at, isWhole ? chunk : source.Length - at);
        if (extent.IsZero && (!isWhole || extent.Length == chunk)) return (extent.Length, true);
        return (isWhole ? chunk : Math.Min(extent.Length, chunk), false);
    }

    private static void WriteParts(IBlockBackend target, long at, PinnedBuffer buffer, int length)
    {
        for (int start = 0; start < length;)
        {
            bool isZero = IsZero(buffer, start, length);
            int end = start;
            while (end < length && IsZero(buffer, end, length) == isZero) end = Math.Min(length, end + Granule);
            if (!isZero) target.Write(at + start, buffer, start, end - start);
            start = end;
        }
    }

    private static bool IsZero(PinnedBuffer buffer, int start, int length)
        => buffer.Span[start..Math.Min(start + Granule, length)].IndexOfAnyExcept((byte)0) < 0;

    private static void WritePacked(Qcow2Image target, Qcow2CompressedWriter compressed, long at, PinnedBuffer buffer, int length)
    {
        Qcow2CompressionType type = target.Metadata.Header.CompressionType;
        int cluster = target.Metadata.Header.ClusterBytes, count = (length + cluster - 1) / cluster;
        byte[]?[] packed = new byte[count][];
        // What lies behind the end of the disk in its last cluster is zero.
        buffer.Span[length..].Clear();
        Parallel.For(0, count, i =>
        {
            byte[] whole = buffer.Span.Slice(i * cluster, cluster).ToArray();
            packed[i] = whole.AsSpan().IndexOfAnyExcept((byte)0) < 0 ? [] : Qcow2Compression.Pack(whole, type);
        });
        for (int i = 0; i < count; i++)
        {
            if (packed[i] is null) target.Write(at + (long)i * cluster, buffer, i * cluster, Math.Min(cluster, length - i * cluster));
            else if (packed[i]!.Length > 0) compressed.Write(at + (long)i * cluster, packed[i]!);
        }
    }
}
