using Doppel.Host;

namespace Doppel.Devices.Backends.Block;

/// <summary>An image's file on the host, locked as <see cref="HostFile"/> has it. Thread contract: as <see cref="IImageFile"/>.</summary>
internal sealed class HostImageFile : IImageFile
{
    private readonly HostFile _file;
    private long _length;

    /// <summary>Takes over a file that is open.</summary>
    internal HostImageFile(HostFile file, string path)
    {
        _file = file;
        _length = file.Length;
        Path = path;
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public long Length => Volatile.Read(ref _length);

    /// <summary>Opens and locks a file that exists.</summary>
    /// <exception cref="IOException">It is not there, can not be opened, or is in use; the message says which.</exception>
    internal static HostImageFile Open(string path, bool writable, HostFileCache cache = HostFileCache.Used) =>
        new(HostFile.Open(path, writable, cache), path);

    /// <summary>Makes a file and locks it.</summary>
    /// <exception cref="IOException">It exists or can not be made.</exception>
    internal static HostImageFile CreateNew(string path)
    {
        try
        {
            File.Open(path, FileMode.CreateNew, FileAccess.Write).Dispose();
        }
        catch (IOException e) when (File.Exists(path))
        {
            throw ExistsAlready(path, e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or DirectoryNotFoundException)
        {
            throw new HostException($"Cannot create {path}: {e.Message}", e);
        }
        return Open(path, writable: true);
    }

    /// <summary>What is there is not written over, a device of the host least of all.</summary>
    internal static HostException ExistsAlready(string path, Exception? cause = null)
        => new(HostFileKind.IsPlain(path)
            ? $"{path} exists already; remove it first, add --force, or choose another name"
            : $"{path} exists already and is no plain file; make an image with another name, and copy that with `dd` if you want it there",
            cause!);

    /// <inheritdoc/>
    public void Read(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        BufferCursor cursor = new(buffers);
        long length = cursor.Remaining, inside = Math.Clamp(Length - offset, 0, length);
        if (inside == length)
        {
            _file.Read(offset, buffers);
            return;
        }
        Span<HostBuffer> pieces = stackalloc HostBuffer[BufferCursor.Batch];
        for (long at = offset; at < offset + inside;)
        {
            long part = offset + inside - at;
            int count = cursor.Take(pieces, ref part);
            _file.Read(at, pieces[..count]);
            at += part;
        }
        cursor.Clear(length - inside);
    }

    /// <inheritdoc/>
    public bool TryReadCached(long offset, ReadOnlySpan<HostBuffer> buffers)
        => offset + new BufferCursor(buffers).Remaining <= Length && _file.TryReadCached(offset, buffers);

    /// <inheritdoc/>
    public void Write(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        long end = offset + new BufferCursor(buffers).Remaining;
        try
        {
            _file.Write(offset, buffers);
        }
        catch when (end > Length)
        {
            // A part may have been written, and what lies behind the old end is not zero then.
            Volatile.Write(ref _length, Math.Max(Length, _file.MeasureLength()));
            throw;
        }
        if (end > Length) Volatile.Write(ref _length, end);
    }

    /// <inheritdoc/>
    public void Flush() => _file.Flush();

    /// <inheritdoc/>
    public void SetLength(long length)
    {
        _file.SetLength(length);
        Volatile.Write(ref _length, length);
    }

    /// <inheritdoc/>
    public bool TryPunchHole(long offset, long length) => _file.TryPunchHole(offset, length);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
