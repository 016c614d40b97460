using System.Runtime.InteropServices;

namespace Doppel.Host.Shares;

/// <summary>How a file is opened.</summary>
/// <param name="Bits">Access mode and flags as open(2) takes them.</param>
public readonly record struct HostOpenFlags(int Bits)
{
    private const int AccessMask = 3;

    /// <summary>To read.</summary>
    public static HostOpenFlags Read { get; } = new(0);

    /// <summary>To read and write.</summary>
    public static HostOpenFlags ReadWrite { get; } = new(2);

    /// <summary>True if the file may be changed through what is opened, or is emptied by opening it.</summary>
    public bool MayWrite => (Bits & AccessMask) != 0 || (Bits & Interop.OTrunc) != 0;

    /// <summary>The same, but what is opened is not emptied.</summary>
    public HostOpenFlags WithoutTruncation => new(Bits & ~Interop.OTrunc);

    /// <summary>
    /// Takes over of a guest's flags (Linux's generic values) the access mode, TRUNC, APPEND, DSYNC and SYNC; the rest is the guest's own
    /// affair.
    /// </summary>
    public static HostOpenFlags FromGuest(uint flags) =>
        new((int)flags & (AccessMask | Interop.OTrunc | Interop.OpenAppend | Interop.ODsync | Interop.OSync));
}

/// <summary>
/// A regular file or folder of the host that is open, read and written straight into and out of scattered memory. Methods give an error
/// number (<see cref="Errno"/>), zero for success. Thread contract: one thread at a time.
/// </summary>
public sealed class HostOpenFile : IDisposable
{
    internal HostOpenFile(HostEntry entry) => Entry = entry;

    /// <summary>The file, apart from its content; it lives as long as this.</summary>
    public HostEntry Entry { get; }

    /// <summary>Fills buffers in order; fewer bytes at the end of the file.</summary>
    public int Read(long offset, ReadOnlySpan<HostBuffer> buffers, out uint count)
    {
        nint done;
        do
        {
            done = Interop.PreadvOnce(Entry.Handle, in MemoryMarshal.GetReference(buffers), buffers.Length, offset);
        }
        while (done < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR);
        count = done < 0 ? 0 : (uint)done;
        return HostEntry.Check(done);
    }

    /// <summary>
    /// As <see cref="Read"/>, but only what the host has in memory: <see cref="Errno.EAGAIN"/> if it had to wait for a disk.
    /// </summary>
    public int ReadWithoutWaiting(long offset, ReadOnlySpan<HostBuffer> buffers, out uint count)
    {
        nint done = Interop.Preadv2(Entry.Handle, in MemoryMarshal.GetReference(buffers), buffers.Length, offset, Interop.RwfNoWait);
        count = done < 0 ? 0 : (uint)done;
        int error = HostEntry.Check(done);
        // Kernels and file systems that can not tell.
        return error is Errno.EOPNOTSUPP or Errno.ENOSYS or Errno.EINTR ? Errno.EAGAIN : error;
    }

    /// <summary>Writes buffers in order; fewer bytes where the host has no room for all.</summary>
    public int Write(long offset, ReadOnlySpan<HostBuffer> buffers, out uint count)
    {
        nint done;
        do
        {
            done = Interop.PwritevOnce(Entry.Handle, in MemoryMarshal.GetReference(buffers), buffers.Length, offset);
        }
        while (done < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR);
        count = done < 0 ? 0 : (uint)done;
        return HostEntry.Check(done);
    }

    /// <summary>Reads a whole file.</summary>
    public int ReadAll(int length, out byte[] content)
    {
        content = GC.AllocateUninitializedArray<byte>(length, pinned: true);
        int done = 0;
        while (done < content.Length)
        {
            int error = Read(done, [Buffer(content, done)], out uint count);
            if (error != 0) return error;
            if (count == 0) break;
            done += (int)count;
        }
        content = content[..done];
        return 0;
    }

    /// <summary>Writes a whole file.</summary>
    public int WriteAll(ReadOnlySpan<byte> content)
    {
        byte[] pinned = GC.AllocateUninitializedArray<byte>(content.Length, pinned: true);
        content.CopyTo(pinned);
        int done = 0, error = 0;
        while (error == 0 && done < pinned.Length)
        {
            error = Write(done, [Buffer(pinned, done)], out uint count);
            done += (int)count;
        }
        // The host has its address only.
        GC.KeepAlive(pinned);
        return error;
    }

    /// <summary>Returns when what was written is on stable storage.</summary>
    /// <param name="dataOnly">True to leave out what is not needed to read it back, such as times.</param>
    public int Sync(bool dataOnly)
    {
        int result;
        do
        {
            result = dataOnly ? Interop.Fdatasync(Entry.Handle) : Interop.Fsync(Entry.Handle);
        }
        while (result < 0 && Marshal.GetLastPInvokeError() == Errno.EINTR);
        return HostEntry.Check(result);
    }

    /// <summary>Sets the length of a file that is open for writing.</summary>
    public int SetLength(long length) => HostEntry.Check(Interop.Ftruncate(Entry.Handle, length));

    /// <summary>Reads entries of a folder, as many whole ones as there is room for, in the form of getdents64(2).</summary>
    public int ReadEntries(Span<byte> buffer, out int count)
    {
        count = (int)Interop.Getdents64(Interop.SysGetdents64, Entry.Handle, ref buffer[0], (nuint)buffer.Length);
        int error = HostEntry.Check(count);
        if (error != 0) count = 0;
        return error;
    }

    /// <summary>Goes to a place in a folder: zero, or one that an entry named.</summary>
    public int Seek(long position) => HostEntry.Check(Interop.Lseek(Entry.Handle, position, Interop.SeekSet));

    /// <summary>
    /// Takes a lock on a range in place of what this open file holds there, without waiting: <see cref="Errno.EAGAIN"/> if another open
    /// file or a process of the host's stands against it. What other handles of the same process hold does too (fcntl(2), "open file
    /// description locks").
    /// </summary>
    public int Lock(in HostLock wanted) => SetLock(TypeOf(wanted), wanted.Start, wanted.Length);

    /// <summary>Gives up what this open file holds of a range; a length of zero reaches to the end.</summary>
    public int Unlock(long start, long length) => SetLock(Interop.LockNone, start, length);

    /// <summary>Finds a lock of somebody else's that stands against one; null if none does.</summary>
    public int FindLock(in HostLock wanted, out HostLock? held)
    {
        Interop.FileLock range = new() { Type = TypeOf(wanted), Start = wanted.Start, Length = wanted.Length };
        int error = HostEntry.Check(Interop.Fcntl(Entry.Handle, Interop.FcntlGetFileLock, ref range));
        held = error != 0 || range.Type == Interop.LockNone ? null
            : new HostLock(range.Type == Interop.LockToWrite, range.Start, range.Length);
        return error;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => Entry.Dispose();

    private static short TypeOf(in HostLock range) => range.IsExclusive ? Interop.LockToWrite : Interop.LockToRead;

    private int SetLock(short type, long start, long length)
    {
        Interop.FileLock range = new() { Type = type, Start = start, Length = length };
        int error = HostEntry.Check(Interop.Fcntl(Entry.Handle, Interop.FcntlSetFileLock, ref range));
        return error == Errno.EACCES ? Errno.EAGAIN : error;
    }

    private static HostBuffer Buffer(byte[] pinned, int from) =>
        new(Marshal.UnsafeAddrOfPinnedArrayElement(pinned, from), (nuint)(pinned.Length - from));
}
