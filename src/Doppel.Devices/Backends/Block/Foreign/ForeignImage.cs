using Doppel.Host;

namespace Doppel.Devices.Backends.Block.Foreign;

/// <summary>Where a stretch of a disk is.</summary>
/// <param name="Offset">Its place in the file; null if it is zero.</param>
/// <param name="Length">How long it goes on like this, in bytes.</param>
/// <param name="IsPacked">True if the place is that of a packed piece, which <see cref="IForeignLayout.Unpack"/> reads.</param>
internal readonly record struct ForeignPlace(long? Offset, long Length, bool IsPacked = false);

/// <summary>How a format of other programs keeps a disk. Thread contract: one thread at a time.</summary>
internal interface IForeignLayout
{
    /// <summary>Size of the disk in bytes.</summary>
    long Length { get; }

    /// <summary>Where the bytes at an offset are.</summary>
    ForeignPlace Find(long offset);

    /// <summary>Reads the packed piece that an offset of the disk lies in.</summary>
    /// <returns>The bytes from that offset to the end of the piece.</returns>
    ReadOnlySpan<byte> Unpack(long offset, long place);
}

/// <summary>A disk in a format of other programs, for reading. Thread contract: as <see cref="IBlockBackend"/>, concurrent.</summary>
internal sealed class ForeignImage(IImageFile file, IForeignLayout layout) : IBlockBackend, IBlockMap
{
    private readonly Lock _gate = new();

    public long Length => layout.Length;

    public bool IsReadOnly => true;

    public bool IsConcurrent => true;

    public void Read(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        BufferCursor cursor = new(buffers);
        while (cursor.Remaining > 0)
        {
            long length;
            ForeignPlace place;
            lock (_gate)
            {
                place = layout.Find(offset);
                length = Math.Min(place.Length, cursor.Remaining);
                if (place is { IsPacked: true, Offset: { } packed }) cursor.CopyFrom(layout.Unpack(offset, packed)[..(int)length]);
            }
            if (place.Offset is null) cursor.Clear(length);
            else if (!place.IsPacked) BlockTransfer.Read(file, place.Offset.Value, length, ref cursor);
            offset += length;
        }
    }

    public BlockExtent FindExtent(long offset, long most)
    {
        ForeignPlace place;
        lock (_gate) place = layout.Find(offset);
        return new BlockExtent(Math.Min(place.Length, most), place.Offset is null, 0, place.IsPacked ? null : place.Offset);
    }

    public void Write(long offset, ReadOnlySpan<HostBuffer> buffers) => throw CanNotWrite();

    public void Flush()
    {
        // Nothing is ever written.
    }

    public void Discard(long offset, long length) => throw CanNotWrite();

    public void WriteZeroes(long offset, long length, bool mayUnmap) => throw CanNotWrite();

    public void Dispose() => file.Dispose();

    /// <summary>Checks the size of a disk, and that a table of it is not too long to be held in memory.</summary>
    internal static long CheckSize(IImageFile file, ulong bytes, long pieces)
    {
        const long MostPieces = 4 << 20;
        return bytes <= long.MaxValue / 2 && pieces is >= 0 and <= MostPieces
            ? (long)bytes
            : throw Damaged(file, $"a disk of {bytes} bytes in {pieces} pieces");
    }

    internal static DiskImageException Damaged(IImageFile file, string why)
        => new($"{file.Path} is damaged or of an unusual kind: {why}; look at it with `qemu-img info`");

    private HostException CanNotWrite()
        => new($"{file.Path} can only be read; convert it with `doppel disk convert -O qcow2`, or add snapshot=on");
}
