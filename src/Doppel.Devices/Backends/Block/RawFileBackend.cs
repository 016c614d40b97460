using Doppel.Host;

namespace Doppel.Devices.Backends.Block;

/// <summary>
/// A disk in a raw image file or a block device of the host: byte n of the disk is byte n of the file.
/// The image is locked, so that no two machines write to it. Thread contract: as <see cref="IBlockBackend"/>.
/// </summary>
public sealed class RawFileBackend : IBlockBackend, IBlockMap
{
    private readonly HostFile _file;

    /// <summary>Opens an image that exists.</summary>
    /// <param name="path">Path of the image.</param>
    /// <param name="readOnly">True to open it for reading only, together with others who do.</param>
    /// <param name="cache">What the host's cache does for it.</param>
    /// <exception cref="IOException">It can not be opened, or another machine uses it; the message says which.</exception>
    public RawFileBackend(string path, bool readOnly, HostFileCache cache = HostFileCache.Used)
    {
        _file = HostFile.Open(path, writable: !readOnly, cache);
        IsReadOnly = readOnly;
        if (readOnly || _file.Length % _file.Alignment == 0) return;
        _file.Dispose();
        throw new HostException($"without the host's cache the size of {path} must be a multiple of {_file.Alignment} bytes; "
            + $"make it one with `truncate -s %{_file.Alignment} {path}`, or choose another cache mode");
    }

    /// <inheritdoc/>
    public bool IsConcurrent => true;

    /// <inheritdoc/>
    public BlockLimits Limits => BlockLimits.Usual with
    {
        PhysicalBlock = Math.Max(BlockLimits.Usual.PhysicalBlock, _file.Alignment),
        DiscardGranularity = _file.BlockSize,
    };

    /// <inheritdoc/>
    public long Length => _file.Length;

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <inheritdoc/>
    public void Read(long offset, ReadOnlySpan<HostBuffer> buffers) => _file.Read(offset, buffers);

    /// <inheritdoc/>
    public BlockExtent FindExtent(long offset, long most)
    {
        long data = Math.Min(_file.FindData(offset), offset + most);
        if (data > offset) return new BlockExtent(data - offset, IsZero: true, 0, null);
        return new BlockExtent(Math.Min(_file.FindHole(offset) - offset, most), IsZero: false, 0, offset);
    }

    /// <inheritdoc/>
    public bool TryReadCached(long offset, ReadOnlySpan<HostBuffer> buffers) => _file.TryReadCached(offset, buffers);

    /// <inheritdoc/>
    public void Write(long offset, ReadOnlySpan<HostBuffer> buffers) => _file.Write(offset, buffers);

    /// <inheritdoc/>
    public void Flush() => _file.Flush();

    /// <inheritdoc/>
    public void Discard(long offset, long length)
    {
        // A file system that has no holes keeps the bytes, which is as good.
        _ = _file.TryPunchHole(offset, length);
    }

    /// <inheritdoc/>
    public void WriteZeroes(long offset, long length, bool mayUnmap)
    {
        if (mayUnmap && _file.TryPunchHole(offset, length)) return;
        if (!mayUnmap && _file.TryZeroRange(offset, length)) return;
        while (length > 0)
        {
            HostBuffer zeroes = ZeroFill.Piece(length);
            _file.Write(offset, [zeroes]);
            offset += (long)zeroes.Length;
            length -= (long)zeroes.Length;
        }
    }

    /// <summary>Closes the image. What was not flushed is the host's to write when it likes.</summary>
    public void Dispose() => _file.Dispose();
}
