using Doppel.Host;

namespace Doppel.Devices.Backends.Block;

/// <summary>Moves the next bytes of a list of buffers, a batch at a time. Thread contract: static, no state.</summary>
internal static class BlockTransfer
{
    internal static void Read(IImageFile file, long offset, long length, ref BufferCursor cursor)
    {
        Span<HostBuffer> pieces = stackalloc HostBuffer[BufferCursor.Batch];
        while (length > 0)
        {
            long part = length;
            int count = cursor.Take(pieces, ref part);
            if (count > 0) file.Read(offset, pieces[..count]);
            offset += part;
            length -= part;
        }
    }

    internal static void Write(IImageFile file, long offset, long length, ref BufferCursor cursor)
    {
        Span<HostBuffer> pieces = stackalloc HostBuffer[BufferCursor.Batch];
        while (length > 0)
        {
            long part = length;
            int count = cursor.Take(pieces, ref part);
            if (count > 0) file.Write(offset, pieces[..count]);
            offset += part;
            length -= part;
        }
    }

    /// <summary>Reads from a disk that may be shorter than the one over it: behind its end is zero.</summary>
    internal static void ReadPadded(IBlockBackend disk, long offset, long length, ref BufferCursor cursor)
    {
        Span<HostBuffer> pieces = stackalloc HostBuffer[BufferCursor.Batch];
        long inside = Math.Clamp(disk.Length - offset, 0, length), padding = length - inside;
        while (inside > 0)
        {
            long part = inside;
            int count = cursor.Take(pieces, ref part);
            if (count > 0) disk.Read(offset, pieces[..count]);
            offset += part;
            inside -= part;
        }
        cursor.Clear(padding);
    }
}
