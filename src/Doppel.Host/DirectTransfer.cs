using System.Runtime.InteropServices;

namespace Doppel.Host;

/// <summary>
/// Reads and writes a file without the host's cache where offset, length or memory are not aligned as that wants it: through a buffer that is,
/// and with what stands around a piece read first. Thread contract: all members from any thread.
/// </summary>
internal sealed unsafe class DirectTransfer(HostFileLayout layout, DirectTransfer.Move move) : IDisposable
{
    private const int Window = 1 << 20;

    // Whole blocks are written side by side; who has to read what is around a piece keeps others from writing it meanwhile.
    private readonly ReaderWriterLockSlim _blocks = new();

    /// <summary>Transfers one stretch; gives the number of bytes, fewer only at the end of the file.</summary>
    internal delegate long Move(long offset, ReadOnlySpan<HostBuffer> buffers, bool write);

    public void Dispose() => _blocks.Dispose();

    internal void Run(long offset, ReadOnlySpan<HostBuffer> buffers, bool write)
    {
        if (!write && IsAligned(offset, buffers)) MoveAll(offset, buffers, write: false);
        else if (!write) Bounce(offset, buffers, write: false);
        else Write(offset, buffers);
    }

    private static long Total(ReadOnlySpan<HostBuffer> buffers)
    {
        long total = 0;
        foreach (HostBuffer buffer in buffers) total += (long)buffer.Length;
        return total;
    }

    private static HostException Shorter(long offset) => new($"the file has become shorter than {offset} bytes while it was in use");

    private void Write(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        bool whole = (offset | Total(buffers)) % layout.OffsetAlignment == 0;
        if (whole) _blocks.EnterReadLock();
        else _blocks.EnterWriteLock();
        try
        {
            if (IsAligned(offset, buffers)) MoveAll(offset, buffers, write: true);
            else Bounce(offset, buffers, write: true);
        }
        finally
        {
            if (whole) _blocks.ExitReadLock();
            else _blocks.ExitWriteLock();
        }
    }

    private void MoveAll(long offset, ReadOnlySpan<HostBuffer> buffers, bool write)
    {
        if (move(offset, buffers, write) != Total(buffers)) throw Shorter(offset);
    }

    private bool IsAligned(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        if (offset % layout.OffsetAlignment != 0) return false;
        foreach (HostBuffer buffer in buffers)
        {
            if (buffer.Address % layout.MemoryAlignment != 0 || (long)buffer.Length % layout.OffsetAlignment != 0) return false;
        }
        return true;
    }

    private void Bounce(long offset, ReadOnlySpan<HostBuffer> buffers, bool write)
    {
        byte* window = (byte*)NativeMemory.AlignedAlloc(Window, (nuint)Math.Max(layout.MemoryAlignment, layout.OffsetAlignment));
        try
        {
            BufferCursor cursor = new(buffers);
            for (long left = Total(buffers); left > 0;)
            {
                long start = offset & -layout.OffsetAlignment;
                int part = (int)Math.Min(left, Window - (offset - start));
                if (write) Gather(window, offset, part, ref cursor);
                else Scatter(window, offset, part, ref cursor);
                offset += part;
                left -= part;
            }
        }
        finally
        {
            NativeMemory.AlignedFree(window);
        }
    }

    private void Scatter(byte* window, long offset, int length, ref BufferCursor cursor)
    {
        long start = offset & -layout.OffsetAlignment;
        int head = (int)(offset - start);
        if (move(start, [new HostBuffer((nint)window, (nuint)RoundUp(head + length))], write: false) < head + length) throw Shorter(offset);
        cursor.Copy(window + head, length, toBuffers: true);
    }

    private void Gather(byte* window, long offset, int length, ref BufferCursor cursor)
    {
        long start = offset & -layout.OffsetAlignment;
        int head = (int)(offset - start), size = RoundUp(head + length);
        if (head != 0) Fetch(window, start);
        // The last block, unless the first one was it.
        if ((head + length) % layout.OffsetAlignment != 0 && (head == 0 || size > layout.OffsetAlignment))
            Fetch(window + size - layout.OffsetAlignment, start + size - layout.OffsetAlignment);
        cursor.Copy(window + head, length, toBuffers: false);
        MoveAll(start, [new HostBuffer((nint)window, (nuint)size)], write: true);
    }

    // Beyond the end of the file there are zeroes.
    private void Fetch(byte* block, long offset)
    {
        long got = move(offset, [new HostBuffer((nint)block, (nuint)layout.OffsetAlignment)], write: false);
        // SAFETY: the block lies in the window, which was allocated with whole blocks, and got is no more than its length.
        unsafe { new Span<byte>(block + got, (int)(layout.OffsetAlignment - got)).Clear(); }
    }

    private int RoundUp(int length) => (length + layout.OffsetAlignment - 1) & -layout.OffsetAlignment;

    /// <summary>A place in scattered memory.</summary>
    private ref struct BufferCursor(ReadOnlySpan<HostBuffer> buffers)
    {
        private ReadOnlySpan<HostBuffer> _buffers = buffers;
        private nuint _done;

        internal void Copy(byte* window, int length, bool toBuffers)
        {
            while (length > 0)
            {
                HostBuffer buffer = _buffers[0];
                int part = (int)Math.Min((nuint)length, buffer.Length - _done);
                // SAFETY: the buffer is mapped by the contract of HostBuffer, the window holds length bytes, and part exceeds neither.
                unsafe
                {
                    byte* memory = (byte*)buffer.Address + _done;
                    Buffer.MemoryCopy(toBuffers ? window : memory, toBuffers ? memory : window, part, part);
                }
                window += part;
                length -= part;
                _done += (nuint)part;
                if (_done != buffer.Length) continue;
                _buffers = _buffers[1..];
                _done = 0;
            }
        }
    }
}
