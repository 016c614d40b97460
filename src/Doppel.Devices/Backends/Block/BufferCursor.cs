using Doppel.Host;

namespace Doppel.Devices.Backends.Block;

/// <summary>
/// A place in a list of buffers, which one walks from front to end without copying what is in them. Thread contract: a value of one thread.
/// </summary>
internal ref struct BufferCursor
{
    /// <summary>Pieces that one transfer takes at most; longer lists are cut.</summary>
    internal const int Batch = 64;

    // So that each piece can be a span.
    private const nuint LargestPiece = 1 << 30;

    private ReadOnlySpan<HostBuffer> _rest;
    private nuint _skipped;
    private bool _hasTaken;

    internal BufferCursor(ReadOnlySpan<HostBuffer> buffers)
    {
        _rest = buffers;
        foreach (HostBuffer buffer in buffers) Remaining += (long)buffer.Length;
    }

    /// <summary>Bytes from here to the end.</summary>
    internal long Remaining { get; private set; }

    /// <summary>True as long as nothing was taken.</summary>
    internal readonly bool IsAtStart => !_hasTaken;

    /// <summary>Takes the pieces of the next bytes and goes behind them.</summary>
    /// <param name="pieces">Receives the pieces.</param>
    /// <param name="length">Bytes wanted, at most <see cref="Remaining"/>; afterwards those that were taken, fewer where the room did not
    /// suffice.</param>
    /// <returns>How many pieces there are.</returns>
    internal int Take(scoped Span<HostBuffer> pieces, ref long length)
    {
        int count = 0;
        long taken = 0;
        _hasTaken = true;
        while (taken < length && count < pieces.Length)
        {
            HostBuffer first = _rest[0];
            nuint part = Math.Min(Math.Min(first.Length - _skipped, LargestPiece), (nuint)(length - taken));
            if (part > 0) pieces[count++] = new HostBuffer(first.Address + (nint)_skipped, part);
            _skipped += part;
            taken += (long)part;
            if (_skipped < first.Length) continue;
            _rest = _rest[1..];
            _skipped = 0;
        }
        Remaining -= taken;
        length = taken;
        return count;
    }

    /// <summary>Writes zeroes to the next bytes.</summary>
    internal void Clear(long length)
    {
        Span<HostBuffer> piece = stackalloc HostBuffer[1];
        while (length > 0)
        {
            long part = length;
            if (Take(piece, ref part) > 0) piece[0].AsSpan().Clear();
            length -= part;
        }
    }

    /// <summary>Writes given bytes to the next ones.</summary>
    internal void CopyFrom(scoped ReadOnlySpan<byte> source)
    {
        Span<HostBuffer> piece = stackalloc HostBuffer[1];
        while (!source.IsEmpty)
        {
            long part = source.Length;
            if (Take(piece, ref part) > 0) source[..(int)part].CopyTo(piece[0].AsSpan());
            source = source[(int)part..];
        }
    }
}
