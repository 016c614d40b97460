using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Host;

/// <summary>A piece of host memory for input or output. Whoever makes one promises that the memory stays mapped while it is in use.</summary>
/// <param name="Address">Host virtual address (Hva).</param>
/// <param name="Length">Length in bytes.</param>
// The layout is that of the C library's struct iovec.
[StructLayout(LayoutKind.Sequential)]
public readonly record struct HostBuffer(nint Address, nuint Length);

/// <summary>
/// A file or block device of the host, read and written at offsets, straight into and out of scattered memory.
/// Open files are locked against each other: one writer, or any number of readers. The lock ends with the process, however it ends.
/// Thread contract: all members from any thread.
/// </summary>
public sealed unsafe class HostFile : IDisposable
{
    private const int Batch = 64;

    private readonly SafeFileHandle _handle;
    private readonly string _path;

    private HostFile(SafeFileHandle handle, string path, long length)
    {
        _handle = handle;
        _path = path;
        Length = length;
    }

    /// <summary>Length in bytes when the file was opened.</summary>
    public long Length { get; }

    /// <summary>Opens and locks a file that exists.</summary>
    /// <param name="path">Path of the file.</param>
    /// <param name="writable">True to write to it too.</param>
    /// <exception cref="IOException">The file is not there, can not be opened, or is in use; the message says which.</exception>
    public static HostFile Open(string path, bool writable)
    {
        SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, writable ? FileAccess.ReadWrite : FileAccess.Read,
                writable ? FileShare.None : FileShare.Read);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new HostException($"Cannot open {path} for {(writable ? "writing" : "reading")}: permission denied, or it is a folder", e);
        }
        catch (IOException e) when (e.HResult == Interop.Ewouldblock)
        {
            throw new HostException($"{path} is in use by another machine{(writable ? "" : " that writes to it")}; stop that one first", e);
        }
        long length = Interop.Lseek(handle, 0, Interop.SeekEnd);
        if (length >= 0) return new HostFile(handle, path, length);
        HostException error = HostException.FromErrno("lseek", path);
        handle.Dispose();
        throw error;
    }

    /// <summary>Fills all buffers, in order, from one stretch of the file.</summary>
    /// <exception cref="IOException">The host can not read that, or the file has become shorter.</exception>
    public void Read(long offset, ReadOnlySpan<HostBuffer> buffers) => Transfer(offset, buffers, write: false);

    /// <summary>Writes all buffers, in order, to one stretch of the file. Stable only after <see cref="Flush"/>.</summary>
    /// <exception cref="IOException">The host can not write that.</exception>
    public void Write(long offset, ReadOnlySpan<HostBuffer> buffers) => Transfer(offset, buffers, write: true);

    /// <summary>Returns when all that was written is on stable storage.</summary>
    /// <exception cref="IOException">The host can not promise that.</exception>
    public void Flush()
    {
        while (Interop.Fdatasync(_handle) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Interop.Eintr) throw HostException.FromErrno("fdatasync", _path);
        }
    }

    /// <summary>Frees the space of a stretch, which then reads as zero. False where the file system can not do that.</summary>
    /// <exception cref="IOException">The host failed to.</exception>
    public bool TryPunchHole(long offset, long length) => TryAllocate(Interop.FallocPunchHole | Interop.FallocKeepSize, offset, length);

    /// <summary>Makes a stretch read as zero and keeps its space. False where the file system can not do that.</summary>
    /// <exception cref="IOException">The host failed to.</exception>
    public bool TryZeroRange(long offset, long length) => TryAllocate(Interop.FallocZeroRange | Interop.FallocKeepSize, offset, length);

    /// <summary>Closes the file and gives up the lock.</summary>
    public void Dispose() => _handle.Dispose();

    private bool TryAllocate(int mode, long offset, long length)
    {
        while (Interop.Fallocate(_handle, mode, offset, length) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            if (errno == Interop.Eopnotsupp) return false;
            if (errno != Interop.Eintr) throw HostException.FromErrno("fallocate", _path);
        }
        return true;
    }

    private void Transfer(long offset, ReadOnlySpan<HostBuffer> buffers, bool write)
    {
        HostBuffer* batch = stackalloc HostBuffer[Batch];
        while (!buffers.IsEmpty)
        {
            int count = Math.Min(buffers.Length, Batch);
            // SAFETY: the batch holds Batch elements and count is no larger.
            unsafe { buffers[..count].CopyTo(new Span<HostBuffer>(batch, count)); }
            offset = TransferBatch(offset, new Span<HostBuffer>(batch, count), write);
            buffers = buffers[count..];
        }
    }

    // The kernel may do less than it was asked to; what is left is asked for again.
    private long TransferBatch(long offset, Span<HostBuffer> batch, bool write)
    {
        while (!batch.IsEmpty)
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
                    done = write ? Interop.Pwritev(_handle, first, batch.Length, offset) : Interop.Preadv(_handle, first, batch.Length, offset);
                }
            }
            if (done < 0 && Marshal.GetLastPInvokeError() == Interop.Eintr) continue;
            if (done < 0) throw HostException.FromErrno(write ? "pwritev" : "preadv", $"{_path} at {offset}");
            if (done == 0) throw new HostException($"{_path} has become shorter than {offset} bytes while it was in use");
            offset += done;
            batch = Skip(batch, (nuint)done);
        }
        return offset;
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
