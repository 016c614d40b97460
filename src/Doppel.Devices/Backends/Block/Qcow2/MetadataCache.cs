using System.Buffers.Binary;
using Doppel.Host;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Pieces of tables in memory, found by their place in the file. Clean ones go when room is needed; those that were changed stay until
/// <see cref="WriteChanges"/>, which the owner calls in the right order. Thread contract: all members under <see cref="Gate"/>, but for
/// <see cref="WriteChanges"/>, which one thread calls that is the only one to change.
/// </summary>
internal sealed class MetadataCache(IImageFile file, int pieceBytes, int capacity)
{
    private readonly Dictionary<long, Piece> _byOffset = [];
    private readonly List<Piece> _pieces = [];
    private readonly List<Piece> _changed = [];
    private int _hand;

    internal Lock Gate { get; } = new();

    /// <summary>Bytes of a piece: a cluster, or a part of one where clusters are large.</summary>
    internal int PieceBytes => pieceBytes;

    internal int ChangedCount => _changed.Count;

    /// <summary>True if so much waits to be written that the owner should.</summary>
    internal bool IsCrowded => _changed.Count > capacity / 2;

    /// <summary>True if a piece is in memory.</summary>
    internal bool Holds(long offset) => _byOffset.ContainsKey(offset & -pieceBytes);

    /// <summary>The piece that holds an offset of the file; good until the next call.</summary>
    internal ReadOnlySpan<byte> Get(long offset) => Find(offset & -pieceBytes).Bytes.Span;

    /// <summary>The same, to be changed.</summary>
    internal Span<byte> Change(long offset)
    {
        Piece piece = Find(offset & -pieceBytes);
        if (!piece.IsChanged)
        {
            piece.IsChanged = true;
            _changed.Add(piece);
        }
        return piece.Bytes.Span;
    }

    internal ulong GetEntry(long offset)
    {
        lock (Gate) return BinaryPrimitives.ReadUInt64BigEndian(Get(offset)[(int)(offset & (pieceBytes - 1))..]);
    }

    internal void SetEntry(long offset, ulong value)
    {
        lock (Gate) BinaryPrimitives.WriteUInt64BigEndian(Change(offset)[(int)(offset & (pieceBytes - 1))..], value);
    }

    /// <summary>Forgets a stretch of the file: something else will be there.</summary>
    internal void Drop(long offset, long length)
    {
        lock (Gate)
        {
            for (long at = offset; at < offset + length; at += pieceBytes)
            {
                if (!_byOffset.Remove(at, out Piece? piece)) continue;
                if (piece.IsChanged) _changed.Remove(piece);
                piece.IsChanged = false;
                piece.Offset = -1;
            }
        }
    }

    /// <summary>
    /// Writes what was changed, neighbours together. What was not written because of an error is tried again the next time.
    /// </summary>
    internal void WriteChanges()
    {
        _changed.Sort(static (a, b) => a.Offset.CompareTo(b.Offset));
        Span<HostBuffer> batch = stackalloc HostBuffer[BufferCursor.Batch];
        int done = 0;
        try
        {
            while (done < _changed.Count)
            {
                int count = 0;
                long start = _changed[done].Offset;
                while (count < batch.Length && done + count < _changed.Count && _changed[done + count].Offset == start + (long)count * pieceBytes)
                {
                    batch[count] = _changed[done + count].Bytes.Slice(0, pieceBytes);
                    count++;
                }
                file.Write(start, batch[..count]);
                done += count;
            }
        }
        finally
        {
            lock (Gate)
            {
                for (int i = 0; i < done; i++) _changed[i].IsChanged = false;
                _changed.RemoveRange(0, done);
            }
        }
    }

    private Piece Find(long offset)
    {
        if (_byOffset.TryGetValue(offset, out Piece? piece))
        {
            piece.IsRecent = true;
            return piece;
        }
        piece = MakeRoom();
        file.Read(offset, piece.Bytes);
        piece.Offset = offset;
        piece.IsRecent = true;
        _byOffset.Add(offset, piece);
        return piece;
    }

    // A clock: what was used since the hand came by stays for one more round. If all are changed, one more is made; the owner writes soon.
    private Piece MakeRoom()
    {
        if (_pieces.Count >= capacity)
        {
            for (int tries = 2 * _pieces.Count; tries > 0; tries--)
            {
                Piece candidate = _pieces[_hand];
                _hand = (_hand + 1) % _pieces.Count;
                if (candidate.IsChanged) continue;
                if (candidate.IsRecent)
                {
                    candidate.IsRecent = false;
                    continue;
                }
                _byOffset.Remove(candidate.Offset);
                candidate.Offset = -1;
                return candidate;
            }
        }
        Piece made = new(pieceBytes);
        _pieces.Add(made);
        return made;
    }

    private sealed class Piece(int bytes)
    {
        internal PinnedBuffer Bytes { get; } = new(bytes);

        internal long Offset { get; set; } = -1;

        internal bool IsChanged { get; set; }

        internal bool IsRecent { get; set; }
    }
}
