using System.Numerics;
using Doppel.Host;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>Makes images. Thread contract: static, no state.</summary>
internal static class Qcow2Creator
{
    /// <summary>The name of compression by Zstandard.</summary>
    internal const string Zstd = "zstd";

    /// <summary>Writes an empty image to an empty file. The options are complete.</summary>
    internal static void Create(IImageFile file, Qcow2CreateOptions options)
    {
        Check(options);
        Qcow2Header header = new()
        {
            Version = options.Version,
            ClusterBits = BitOperations.Log2((uint)options.ClusterSize),
            RefcountTableOffset = options.ClusterSize,
            RefcountTableClusters = 1,
            L1Offset = 3L * options.ClusterSize,
            Incompatible = options.Compression == Zstd ? Qcow2Format.CompressionFeature : 0,
            CompressionType = options.Compression == Zstd ? Qcow2CompressionType.Zstd : Qcow2CompressionType.Zlib,
            Compatible = options.LazyRefcounts ? Qcow2Format.LazyRefcountsFeature : 0,
            BackingPath = options.Backing,
            BackingFormat = options.BackingFormat,
            HeaderLength = options.Version == 2 ? Qcow2Format.Version2HeaderLength : Qcow2Format.Version3HeaderLength + 8,
        };
        WriteSkeleton(file, header);
        // The rest comes as it does when a disk grows.
        using Qcow2Image image = new(new Borrowed(file), header, backing: null, writable: true);
        image.Resize(options.Size!.Value);
    }

    internal static void Check(Qcow2CreateOptions options)
    {
        if (options.Version is not (2 or 3)) throw new DiskImageException($"there is no qcow2 version {options.Version}; use 2 or 3");
        if (options.Version == 2 && options.LazyRefcounts) throw new DiskImageException("lazy refcounts need version 3 (compat=1.1)");
        if (options.Compression is not ("zlib" or Zstd)) throw new DiskImageException($"qcow2 knows no compression {options.Compression}; use zlib or zstd");
        if (options.Version == 2 && options.Compression == Zstd) throw new DiskImageException("compression by zstd needs version 3 (compat=1.1)");
        if (!BitOperations.IsPow2(options.ClusterSize) || options.ClusterSize is < 1 << Qcow2Format.MinClusterBits or > 1 << Qcow2Format.MaxClusterBits)
            throw new DiskImageException($"a cluster can not have {options.ClusterSize} bytes; use a power of two from 512 to 2M");
        long most = Qcow2Header.LargestDisk(BitOperations.Log2((uint)options.ClusterSize));
        if (options.Size is < 0 || options.Size % 512 != 0)
            throw new DiskImageException($"a disk can not have {options.Size} bytes; use a multiple of 512");
        if (options.Size > most)
            throw new DiskImageException($"with clusters of {options.ClusterSize} bytes a disk has {most} bytes at most; use larger "
                + "clusters");
        if (options.Backing is not null && options.BackingFormat is null)
            throw new DiskImageException($"the format of {options.Backing} is not given; use -F raw or -F qcow2");
    }

    // Header, refcount table, its first block, and an L1 table of no entries in the fourth cluster.
    private static void WriteSkeleton(IImageFile file, Qcow2Header header)
    {
        int cluster = header.ClusterBytes;
        PinnedBuffer start = new(3 * cluster);
        Qcow2HeaderWriter.Build(header).CopyTo(start.Span);
        BitConverter.TryWriteBytes(start.Span[cluster..], System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(2L * cluster));
        RefcountWidth width = new(header.RefcountOrder);
        for (int i = 0; i < 3; i++) width.Set(start.Span[(2 * cluster)..], i, 1);
        file.Write(0, start);
    }

    // The caller goes on with the file when the image over it is closed.
    private sealed class Borrowed(IImageFile file) : IImageFile
    {
        public string Path => file.Path;

        public long Length => file.Length;

        public void Read(long offset, ReadOnlySpan<HostBuffer> buffers) => file.Read(offset, buffers);

        public bool TryReadCached(long offset, ReadOnlySpan<HostBuffer> buffers) => file.TryReadCached(offset, buffers);

        public void Write(long offset, ReadOnlySpan<HostBuffer> buffers) => file.Write(offset, buffers);

        public void Flush() => file.Flush();

        public void SetLength(long length) => file.SetLength(length);

        public bool TryPunchHole(long offset, long length) => file.TryPunchHole(offset, length);

        public void Dispose()
        {
            // Not ours to close.
        }
    }
}
