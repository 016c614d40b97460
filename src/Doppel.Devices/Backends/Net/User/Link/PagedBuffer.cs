namespace Doppel.Devices.Backends.Net.User.Link;

/// <summary>
/// A window that slides along a stream of bytes; only the pages that hold data take memory, and data may be written ahead of a gap.
/// Offsets count from the window's start. Thread contract: the event loop's thread.
/// </summary>
/// <param name="pool">Where pages come from.</param>
/// <param name="capacity">Length of the window in bytes.</param>
internal sealed class PagedBuffer(PagePool pool, int capacity)
{
    private readonly byte[]?[] _pages = new byte[]?[(capacity / PagePool.PageSize) + 2];
    private long _start;

    internal int Capacity => capacity;

    /// <summary>The rest of the page that an offset lies in; empty if the window ends there or no memory is left.</summary>
    internal Span<byte> WritableAt(int offset)
    {
        if (offset >= capacity) return default;
        long position = _start + offset;
        ref byte[]? page = ref PageAt(position);
        page ??= pool.TryRent();
        int within = (int)(position % PagePool.PageSize);
        return page is null ? default : page.AsSpan(within, Math.Min(PagePool.PageSize - within, capacity - offset));
    }

    /// <summary>Writes at an offset.</summary>
    /// <returns>How many bytes were written before the window or the memory ended.</returns>
    internal int Write(int offset, ReadOnlySpan<byte> data)
    {
        int written = 0;
        while (written < data.Length)
        {
            Span<byte> room = WritableAt(offset + written);
            if (room.IsEmpty) break;
            int count = Math.Min(room.Length, data.Length - written);
            data.Slice(written, count).CopyTo(room);
            written += count;
        }
        return written;
    }

    /// <summary>Bytes that were written, from an offset to the end of its page or of the length.</summary>
    internal ReadOnlySpan<byte> ReadableAt(int offset, int length)
    {
        long position = _start + offset;
        int within = (int)(position % PagePool.PageSize);
        return PageAt(position).AsSpan(within, Math.Min(PagePool.PageSize - within, length));
    }

    /// <summary>Copies bytes that were written.</summary>
    internal void CopyTo(int offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            ReadOnlySpan<byte> part = ReadableAt(offset, destination.Length);
            part.CopyTo(destination);
            destination = destination[part.Length..];
            offset += part.Length;
        }
    }

    /// <summary>Moves the window's start ahead.</summary>
    /// <param name="count">By how many bytes.</param>
    /// <param name="isEmpty">True if nothing that was written lies behind the new start.</param>
    internal void Drop(int count, bool isEmpty)
    {
        long end = _start + count;
        for (long position = _start - (_start % PagePool.PageSize); position + PagePool.PageSize <= end; position += PagePool.PageSize) Release(position);
        _start = end;
        if (isEmpty) Release(end);
    }

    /// <summary>Gives all memory back.</summary>
    internal void Clear()
    {
        for (int i = 0; i < _pages.Length; i++) Release((long)i * PagePool.PageSize);
    }

    private ref byte[]? PageAt(long position) => ref _pages[position / PagePool.PageSize % _pages.Length];

    private void Release(long position)
    {
        ref byte[]? page = ref PageAt(position);
        if (page is null) return;
        pool.Return(page);
        page = null;
    }
}
