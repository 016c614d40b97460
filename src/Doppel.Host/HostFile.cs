using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Host;

/// <summary>A piece of host memory for input or output. Whoever makes one promises that the memory stays mapped while it is in use.</summary>
/// <param name="Address">Host virtual address (Hva).</param>
/// <param name="Length">Length in bytes.</param>
// The layout is that of the C library's struct iovec.
[StructLayout(LayoutKind.Sequential)]
public readonly record struct HostBuffer(nint Address, nuint Length);

/// <summary>What the host's cache does for a file.</summary>
public enum HostFileCache
{
    /// <summary>It is used, and a flush makes what was written stable.</summary>
    Used,

    /// <summary>It is bypassed. A flush is needed all the same: storage has caches too.</summary>
    Bypassed,

    /// <summary>It is used, and a flush does nothing: what was written survives the process, but not the host.</summary>
    NeverFlushed,
}

/// <summary>
/// A file or block device of the host, read and written at offsets, straight into and out of scattered memory.
/// Open files are locked against each other, and against QEMU: one writer, or any number of readers. The lock ends with the process, however
/// it ends.
/// Thread contract: all members from any thread.
/// </summary>
public sealed unsafe class HostFile : IDisposable
{
    private const int Batch = 64;

    private readonly SafeFileHandle _handle;
    private readonly string _path;
    private readonly DirectTransfer? _direct;
    private readonly HostFileLayout _layout;
    private readonly bool _ignoresFlush;
    private volatile bool _canNotTry;

    private HostFile(SafeFileHandle handle, string path, long length, HostFileCache cache)
    {
        _handle = handle;
        _path = path;
        Length = length;
        _layout = HostFileLayout.Of(handle);
        _ignoresFlush = cache == HostFileCache.NeverFlushed;
        _canNotTry = cache == HostFileCache.Bypassed;
        if (_canNotTry) _direct = new DirectTransfer(_layout, Move);
    }

    /// <summary>Length in bytes when the file was opened.</summary>
    public long Length { get; }

    /// <summary>Length in bytes now.</summary>
    /// <exception cref="IOException">The host does not tell.</exception>
    public long MeasureLength()
        => Interop.Lseek(_handle, 0, Interop.SeekEnd) is >= 0 and var length ? length : throw HostException.FromErrno("lseek", _path);

    /// <summary>Size of a block of the file system, in bytes.</summary>
    public int BlockSize => _layout.BlockSize;

    /// <summary>
    /// What offsets and lengths should be multiples of, in bytes, where the host's cache is bypassed. Others work too, but are slower, and a write
    /// up to the end of the file makes its length a multiple. One where the cache is used.
    /// </summary>
    public int Alignment => _direct is null ? 1 : _layout.OffsetAlignment;

    /// <summary>Opens and locks a file that exists.</summary>
    /// <param name="path">Path of the file.</param>
    /// <param name="writable">True to write to it too.</param>
    /// <param name="cache">What the host's cache does for it.</param>
    /// <exception cref="IOException">The file is not there, can not be opened, or is in use; the message says which.</exception>
    public static HostFile Open(string path, bool writable, HostFileCache cache = HostFileCache.Used)
    {
        HostFileKind.ThrowIfNoDisk(path);
        SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, writable ? FileAccess.ReadWrite : FileAccess.Read,
                writable ? FileShare.None : FileShare.Read);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new HostException($"Cannot open {path} for {(writable ? "writing" : "reading")}: permission denied", e);
        }
        catch (IOException e) when (e.HResult == Interop.Ewouldblock)
        {
            throw InUse(path, writable, HostFileHolder.Describe(path), e);
        }
        long length = Interop.Lseek(handle, 0, Interop.SeekEnd);
        HostException? error = length < 0 ? HostException.FromErrno("lseek", path) : null;
        if (error is null && !HostFileLock.TryTake(handle, writable)) error = InUse(path, writable, "QEMU or one of its tools", null);
        if (error is null && cache == HostFileCache.Bypassed) error = TryBypassCache(handle, path);
        if (error is null) return new HostFile(handle, path, length, cache);
        HostFileLock.Release(handle);
        handle.Dispose();
        throw error;
    }

    /// <summary>Fills all buffers, in order, from one stretch of the file.</summary>
    /// <exception cref="IOException">The host can not read that, or the file has become shorter.</exception>
    public void Read(long offset, ReadOnlySpan<HostBuffer> buffers) => Transfer(offset, buffers, write: false);

    /// <summary>Fills all buffers, as <see cref="Read"/> does, if the host's cache holds all of the stretch.</summary>
    /// <returns>False if that would have to wait for the storage; the buffers then hold anything.</returns>
    public bool TryReadCached(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        if (_canNotTry || buffers.Length > Batch) return false;
        nint done;
        // SAFETY: the buffers are pinned for the call; each is mapped memory by the contract of HostBuffer.
        unsafe
        {
            fixed (HostBuffer* first = buffers) done = Interop.Preadv2(_handle, first, buffers.Length, offset, Interop.ReadNoWait);
        }
        if (done < 0 && Marshal.GetLastPInvokeError() == Interop.Eopnotsupp) _canNotTry = true;
        foreach (HostBuffer buffer in buffers) done -= (nint)buffer.Length;
        return done == 0;
    }

    /// <summary>Writes all buffers, in order, to one stretch of the file. Stable only after <see cref="Flush"/>.</summary>
    /// <exception cref="IOException">The host can not write that.</exception>
    public void Write(long offset, ReadOnlySpan<HostBuffer> buffers) => Transfer(offset, buffers, write: true);

    /// <summary>Returns when all that was written is on stable storage, or at once if the file was opened so.</summary>
    /// <exception cref="IOException">The host can not promise that.</exception>
    public void Flush()
    {
        while (!_ignoresFlush && Interop.Fdatasync(_handle) != 0)
        {
            // Not to be tried again, whatever the reason: the host may have dropped what it could not write, and would succeed without it.
            if (Marshal.GetLastPInvokeError() != Interop.Eintr) throw HostException.FromErrno("fdatasync", _path);
        }
    }

    /// <summary>Frees the space of a stretch, which then reads as zero. False where the file system can not do that.</summary>
    /// <exception cref="IOException">The host failed to.</exception>
    public bool TryPunchHole(long offset, long length) => TryAllocate(Interop.FallocPunchHole | Interop.FallocKeepSize, offset, length);

    /// <summary>Makes a stretch read as zero and keeps its space. False where the file system can not do that.</summary>
    /// <exception cref="IOException">The host failed to.</exception>
    public bool TryZeroRange(long offset, long length) => TryAllocate(Interop.FallocZeroRange | Interop.FallocKeepSize, offset, length);

    /// <summary>Where the first data is that the file system knows of, at an offset or behind it: all before it is zero.</summary>
    /// <returns>Its offset; <see cref="Length"/> if there is none, the offset itself where the file system does not tell.</returns>
    public long FindData(long offset)
    {
        long found = Interop.Lseek(_handle, offset, Interop.SeekData);
        if (found >= 0) return Math.Min(found, Length);
        return Marshal.GetLastPInvokeError() == Interop.Enxio ? Length : offset;
    }

    /// <summary>Where the data ends that is at an offset: in front of a hole, or at the end of the file.</summary>
    public long FindHole(long offset)
    {
        long found = Interop.Lseek(_handle, offset, Interop.SeekHole);
        return found > offset ? Math.Min(found, Length) : Length;
    }

    /// <summary>Makes a plain file longer, with zeroes that take no space, or shorter. <see cref="Length"/> does not follow.</summary>
    /// <exception cref="IOException">The host can not, for instance because the file system allows no file of that size.</exception>
    public void SetLength(long length)
    {
        while (Interop.Ftruncate(_handle, length) != 0)
        {
            if (Marshal.GetLastPInvokeError() == Interop.Eintr) continue;
            throw HostException.FromWriteErrno("ftruncate", $"{_path} to {length} bytes");
        }
    }

    /// <summary>Closes the file and gives up the lock.</summary>
    public void Dispose()
    {
        if (!_handle.IsClosed) HostFileLock.Release(_handle);
        _handle.Dispose();
        _direct?.Dispose();
    }

    private static HostException InUse(string path, bool writable, string by, Exception? cause)
        => new($"{path} is in use by {by}{(writable ? "" : ", which writes to it")}; "
            + (by == HostFileHolder.ThisProcess ? "name it only once" : "stop that first"), cause!);

    private static HostException? TryBypassCache(SafeFileHandle handle, string path)
    {
        int flags = Interop.Fcntl(handle, Interop.FcntlGetFlags, 0);
        if (flags >= 0 && Interop.Fcntl(handle, Interop.FcntlSetFlags, flags | Interop.OpenDirect) == 0) return null;
        HostException cause = HostException.FromErrno("fcntl", path);
        return new HostException($"the file system of {path} can not bypass the host's cache; choose another cache mode", cause);
    }

    private bool TryAllocate(int mode, long offset, long length)
    {
        while (Interop.Fallocate(_handle, mode, offset, length) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            // A device takes whole blocks only.
            if (errno is Interop.Eopnotsupp or Interop.Einval or Interop.Enodev) return false;
            if (errno != Interop.Eintr) throw HostException.FromWriteErrno("fallocate", _path);
        }
        return true;
    }

    private void Transfer(long offset, ReadOnlySpan<HostBuffer> buffers, bool write)
    {
        if (_direct is not null)
        {
            _direct.Run(offset, buffers, write);
            return;
        }
        long total = 0;
        foreach (HostBuffer buffer in buffers) total += (long)buffer.Length;
        long done = Move(offset, buffers, write);
        if (done != total) throw new HostException($"{_path} has become shorter than {offset + total} bytes while it was in use");
    }

    // Returns the number of bytes, which is smaller than asked for only at the end of the file.
    private long Move(long offset, ReadOnlySpan<HostBuffer> buffers, bool write)
    {
        HostBuffer* batch = stackalloc HostBuffer[Batch];
        long moved = 0;
        while (!buffers.IsEmpty)
        {
            int count = Math.Min(buffers.Length, Batch);
            // SAFETY: the batch holds Batch elements and count is no larger.
            unsafe { buffers[..count].CopyTo(new Span<HostBuffer>(batch, count)); }
            moved += MoveBatch(offset + moved, new Span<HostBuffer>(batch, count), write, out bool ended);
            if (ended) break;
            buffers = buffers[count..];
        }
        return moved;
    }

    // The kernel may do less than it was asked to; what is left is asked for again.
    private long MoveBatch(long offset, Span<HostBuffer> batch, bool write, out bool ended)
    {
        long moved = 0;
        ended = false;
        while (!batch.IsEmpty && !ended)
        {
            if (batch[0].Length == 0)
            {
                batch = batch[1..];
                continue;
            }
            nint done;
            // SAFETY: the batch is pinned for the call; each buffer is mapped memory by the contract of HostBuffer.
            unsafe
            {
                fixed (HostBuffer* first = batch)
                {
                    done = write
                        ? Interop.Pwritev(_handle, first, batch.Length, offset + moved)
                        : Interop.Preadv(_handle, first, batch.Length, offset + moved);
                }
            }
            if (done < 0 && Marshal.GetLastPInvokeError() == Interop.Eintr) continue;
            if (done < 0) throw HostException.FromWriteErrno(write ? "pwritev" : "preadv", $"{_path} at {offset + moved}");
            ended = done == 0;
            moved += done;
            batch = Skip(batch, (nuint)done);
        }
        return moved;
    }

    private static Span<HostBuffer> Skip(Span<HostBuffer> batch, nuint done)
    {
        while (done != 0)
        {
            nuint part = Math.Min(done, batch[0].Length);
            batch[0] = new HostBuffer(batch[0].Address + (nint)part, batch[0].Length - part);
            done -= part;
            if (batch[0].Length == 0) batch = batch[1..];
        }
        return batch;
    }
}
