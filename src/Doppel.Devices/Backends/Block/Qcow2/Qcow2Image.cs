using Doppel.Host;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// A disk in a qcow2 image (versions 2 and 3), over a backing image or over nothing. Data goes straight between the caller's memory and the
/// file. Reads, and writes to clusters that are there, run side by side; those that change tables run one after the other.
/// Thread contract: as <see cref="IBlockBackend"/>, concurrent.
/// </summary>
public sealed class Qcow2Image : IBlockBackend, IBlockMap
{
    private readonly IImageFile _file;
    private readonly IBlockBackend? _backing;
    private readonly Qcow2Compression _compression;
    private readonly Qcow2Allocation? _allocation;
    private readonly ReaderWriterLockSlim _transfers = new(LockRecursionPolicy.NoRecursion);
    private readonly Lock _changes = new();
    private bool _disposed;

    /// <summary>Takes over an open file and the disk below it; on an exception they are still the caller's.</summary>
    internal Qcow2Image(IImageFile file, Qcow2Header header, IBlockBackend? backing, bool writable)
    {
        _file = file;
        _backing = backing;
        IsReadOnly = !writable;
        _compression = new Qcow2Compression(file, header);
        if (writable) CheckMayWrite(file, header);
        Metadata = new Qcow2Metadata(file, header, Drain);
        if (!writable) return;
        Metadata.Guard.OnDamage = MarkDamaged;
        _allocation = new Qcow2Allocation(file, Metadata, backing, _compression);
        if (header.Autoclear != 0) ClearAutoclear();
    }

    /// <inheritdoc/>
    public long Length => Metadata.Header.Size;

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <summary>Always true.</summary>
    public bool IsConcurrent => true;

    /// <inheritdoc/>
    public BlockLimits Limits
        => BlockLimits.Usual with { DiscardGranularity = Math.Max(Metadata.Header.ClusterBytes, BlockLimits.Usual.DiscardGranularity) };

    internal Qcow2Metadata Metadata { get; }

    internal IBlockBackend? Backing => _backing;

    internal Qcow2Compression Compression => _compression;

    /// <inheritdoc/>
    public void Read(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        BufferCursor cursor = new(buffers);
        _transfers.EnterReadLock();
        try
        {
            while (cursor.Remaining > 0)
            {
                Qcow2Run run = Metadata.Tables.Find(offset, cursor.Remaining);
                if (run.Length == cursor.Remaining && run.Kind is Qcow2Kind.Data or Qcow2Kind.Shared && cursor.IsAtStart)
                {
                    _file.Read(run.Host, buffers);
                    return;
                }
                ReadRun(run, offset, ref cursor);
                offset += run.Length;
            }
        }
        finally
        {
            _transfers.ExitReadLock();
        }
    }

    /// <summary>Fills the buffers as <see cref="Read"/> does, if that takes no waiting for storage or for other threads that do.</summary>
    public bool TryReadCached(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        if (!_transfers.TryEnterReadLock(0)) return false;
        try
        {
            long length = new BufferCursor(buffers).Remaining;
            // Behind the last byte there may be no table to look at.
            if (length == 0) return true;
            if (!Metadata.Tables.TryFindCached(offset, length, out Qcow2Run run) || run.Length < length) return false;
            switch (run.Kind)
            {
                case Qcow2Kind.Data or Qcow2Kind.Shared: return _file.TryReadCached(run.Host, buffers);
                case Qcow2Kind.Compressed: return false;
                case Qcow2Kind.Unallocated when _backing is not null: return offset + length <= _backing.Length && _backing.TryReadCached(offset, buffers);
                default:
                    new BufferCursor(buffers).Clear(length);
                    return true;
            }
        }
        finally
        {
            _transfers.ExitReadLock();
        }
    }

    /// <inheritdoc/>
    public BlockExtent FindExtent(long offset, long most)
    {
        Qcow2Run run = Metadata.Tables.Find(offset, most);
        switch (run.Kind)
        {
            case Qcow2Kind.Data or Qcow2Kind.Shared: return new BlockExtent(run.Length, IsZero: false, 0, run.Host);
            case Qcow2Kind.Compressed: return new BlockExtent(run.Length, IsZero: false, 0, null);
            case Qcow2Kind.Unallocated when _backing is not null && offset < _backing.Length:
                long inside = Math.Min(run.Length, _backing.Length - offset);
                BlockExtent below = _backing is IBlockMap map ? map.FindExtent(offset, inside) : new BlockExtent(inside, IsZero: false, 0, offset);
                return below with { Depth = below.Depth + 1 };
            default: return new BlockExtent(run.Length, IsZero: true, 0, null);
        }
    }

    /// <inheritdoc/>
    public void Write(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        BufferCursor cursor = new(buffers);
        while (cursor.Remaining > 0)
        {
            long done = WriteInPlace(offset, buffers, ref cursor);
            offset += done > 0 ? done : WriteNew(offset, ref cursor);
        }
    }

    /// <inheritdoc/>
    public void Flush()
    {
        lock (_changes)
        {
            if (!IsReadOnly && Metadata.HasChanges)
            {
                Metadata.Commit();
                return;
            }
        }
        _file.Flush();
    }

    /// <inheritdoc/>
    public void Discard(long offset, long length)
    {
        lock (_changes) Writable.Discard(offset, length);
    }

    /// <inheritdoc/>
    public void WriteZeroes(long offset, long length, bool mayUnmap)
    {
        lock (_changes) Writable.WriteZeroes(offset, length, mayUnmap);
    }

    /// <summary>Writes what is still in memory, and closes the image and the disk below it.</summary>
    /// <exception cref="IOException">The host can not write that; all is closed nevertheless.</exception>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        try
        {
            if (!IsReadOnly && Metadata.HasChanges) Metadata.CommitAll();
        }
        finally
        {
            _file.Dispose();
            _backing?.Dispose();
            _transfers.Dispose();
        }
    }

    /// <summary>Makes an image.</summary>
    /// <param name="path">Its path; nothing may be there yet.</param>
    /// <param name="options">How it is made.</param>
    /// <exception cref="IOException">The file can not be made, or the options are wrong; the message says what to use.</exception>
    public static void Create(string path, Qcow2CreateOptions options)
    {
        Qcow2CreateOptions complete = DiskImage.Complete(path, options);
        Qcow2Creator.Check(complete);
        using HostImageFile file = HostImageFile.CreateNew(path);
        try
        {
            Qcow2Creator.Create(file, complete);
        }
        catch
        {
            File.Delete(path);
            throw;
        }
    }

    /// <summary>
    /// Makes an image that reads as another one does and takes all that is written, so that the other one stays as it is.
    /// </summary>
    /// <param name="path">Path of the new image; nothing may be there yet.</param>
    /// <param name="backing">The other image, as it is recorded: a relative path is relative to the folder of the new image.</param>
    /// <param name="backingFormat">Its format: <c>raw</c> or <c>qcow2</c>.</param>
    /// <param name="size">Size of the disk in bytes; null for that of the other image.</param>
    /// <exception cref="IOException">The file can not be made, or the other image not be read.</exception>
    public static void CreateOverlay(string path, string backing, string backingFormat, long? size = null)
        => Create(path, new Qcow2CreateOptions { Size = size, Backing = backing, BackingFormat = backingFormat });

    /// <summary>
    /// Changes the size of the disk; what is new is zero, what lies behind the end is lost. Nobody else may use it meanwhile.
    /// </summary>
    /// <param name="size">Bytes, a multiple of 512.</param>
    /// <exception cref="IOException">The image can not have that size.</exception>
    public void Resize(long size)
    {
        lock (_changes) Qcow2Resizer.Resize(Metadata, Writable, _backing, size);
    }

    /// <summary>Runs what changes tables, alone.</summary>
    internal void Change(Action<Qcow2Allocation> change)
    {
        lock (_changes) change(Writable);
    }

    private Qcow2Allocation Writable => _allocation ?? throw new HostException($"{_file.Path} is open for reading only");

    private void ReadRun(in Qcow2Run run, long offset, ref BufferCursor cursor)
    {
        switch (run.Kind)
        {
            case Qcow2Kind.Data or Qcow2Kind.Shared:
                BlockTransfer.Read(_file, run.Host, run.Length, ref cursor);
                break;
            case Qcow2Kind.Compressed:
                _compression.Read(run.Entry, (int)(offset & (Metadata.Header.ClusterBytes - 1)), (int)run.Length, ref cursor);
                break;
            case Qcow2Kind.Unallocated when _backing is not null:
                BlockTransfer.ReadPadded(_backing, offset, run.Length, ref cursor);
                break;
            default:
                cursor.Clear(run.Length);
                break;
        }
    }

    // Returns 0 if tables must change first.
    private long WriteInPlace(long offset, ReadOnlySpan<HostBuffer> buffers, ref BufferCursor cursor)
    {
        _transfers.EnterReadLock();
        try
        {
            Qcow2Run run = Metadata.Tables.Find(offset, cursor.Remaining);
            if (run.Kind != Qcow2Kind.Data || IsReadOnly) return 0;
            Metadata.Guard.CheckWritable(run.Host, run.Length);
            if (cursor.IsAtStart && run.Length == cursor.Remaining)
            {
                _file.Write(run.Host, buffers);
                cursor = default;
            }
            else
            {
                BlockTransfer.Write(_file, run.Host, run.Length, ref cursor);
            }
            return run.Length;
        }
        finally
        {
            _transfers.ExitReadLock();
        }
    }

    private long WriteNew(long offset, ref BufferCursor cursor)
    {
        lock (_changes) return Writable.Write(offset, ref cursor);
    }

    // Whoever enters later sees the tables as they are now.
    private void Drain()
    {
        _transfers.EnterWriteLock();
        _transfers.ExitWriteLock();
    }

    private static void CheckMayWrite(IImageFile file, Qcow2Header header)
    {
        if (header.IsCorrupt)
            throw new DiskImageException($"{file.Path} was found damaged before and can only be read; repair it with `doppel disk check "
                + $"--repair {file.Path}`");
        if (header.IsDirty)
            throw new DiskImageException($"{file.Path} was not closed; repair it with `doppel disk check --repair {file.Path}`");
    }

    // A program that does not know what an auto-clear feature is about must say that it may be out of date ("autoclear_features"), and that
    // must be stable before anything is.
    private void ClearAutoclear()
    {
        Metadata.Header.Autoclear = 0;
        Metadata.Writer.WriteFeatures();
        _file.Flush();
    }

    // The specification wants the image not to be written any more until it is repaired.
    private void MarkDamaged()
    {
        if (Metadata.Header.Version < 3 || Metadata.Header.IsCorrupt) return;
        Metadata.Header.Incompatible |= Qcow2Format.CorruptFeature;
        Metadata.Writer.WriteFeatures();
    }
}
