using Doppel.Host;

namespace Doppel.Devices.Backends.Block;

/// <summary>Writes zeroes to a file, as little as possible. Thread contract: static; one buffer of zeroes that nobody writes.</summary>
internal static class ZeroFill
{
    private const int Chunk = 64 << 10;

    private static readonly PinnedBuffer s_zeroes = new(Chunk);

    /// <summary>Zeroes to write: as many as wanted, or fewer.</summary>
    internal static HostBuffer Piece(long length) => s_zeroes.Slice(0, (int)Math.Min(length, Chunk));

    /// <summary>Makes a stretch zero; behind the end of the file it is so already, and the file only becomes longer.</summary>
    internal static void Clear(IImageFile file, long offset, long length)
    {
        long end = offset + length, written = Math.Min(end, file.Length);
        Span<HostBuffer> pieces = stackalloc HostBuffer[BufferCursor.Batch];
        while (offset < written)
        {
            int count = 0;
            long start = offset;
            for (; count < pieces.Length && offset < written; count++)
            {
                int part = (int)Math.Min(Chunk, written - offset);
                pieces[count] = s_zeroes.Slice(0, part);
                offset += part;
            }
            file.Write(start, pieces[..count]);
        }
        if (file.Length < end) file.SetLength(end);
    }
}
