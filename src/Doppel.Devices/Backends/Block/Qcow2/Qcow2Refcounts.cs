using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Which clusters of the file are in use, and how often (section "Host cluster management"). Changes stay in memory until the owner writes
/// them: first the blocks, then, when those are stable, the table that names them. Thread contract: one thread at a time.
/// </summary>
internal sealed class Qcow2Refcounts
{
    private const int CacheBytes = 1 << 20, LargestPiece = 4096;

    private readonly IImageFile _file;
    private readonly Qcow2Header _header;
    private readonly Qcow2Guard _guard;
    private readonly Qcow2HeaderWriter _writer;
    private readonly MetadataCache _blocks;
    private readonly RefcountWidth _width;
    private readonly int _pieceCountBits;
    private ulong[] _table;
    private long _hint;
    private long _end;
    private int _changedFrom = int.MaxValue, _changedTo;
    private (long First, int Count) _moved;

    internal Qcow2Refcounts(IImageFile file, Qcow2Header header, Qcow2Guard guard, Qcow2HeaderWriter writer)
    {
        _file = file;
        _header = header;
        _guard = guard;
        _writer = writer;
        _width = new RefcountWidth(header.RefcountOrder);
        int piece = Math.Min(header.ClusterBytes, LargestPiece);
        _blocks = new MetadataCache(file, piece, CacheBytes / piece);
        _pieceCountBits = Math.Min(header.ClusterBits, 12) + 3 - header.RefcountOrder;
        _table = ReadTable(file, header.RefcountTableOffset, header.RefcountTableClusters * (header.ClusterBytes / 8));
        _end = (file.Length + header.ClusterBytes - 1) >> header.ClusterBits;
    }

    internal bool HasBlockChanges => _blocks.ChangedCount > 0;

    internal bool HasTableChanges => _changedTo > 0 || _moved.Count != 0;

    internal bool IsCrowded => _blocks.IsCrowded;

    internal IReadOnlyList<ulong> Table => _table;

    private long Coverage => (long)_table.Length << _header.BlockBits;

    internal static ulong[] ReadTable(IImageFile file, long offset, int entries)
    {
        PinnedBuffer bytes = new(entries * 8);
        if (entries > 0) file.Read(offset, bytes);
        ulong[] table = new ulong[entries];
        for (int i = 0; i < entries; i++) table[i] = BinaryPrimitives.ReadUInt64BigEndian(bytes.Span[(i * 8)..]);
        return table;
    }

    internal ulong Get(long cluster)
    {
        if (cluster >= Coverage) return 0;
        long block = BlockOf(cluster);
        if (block == 0) return 0;
        lock (_blocks.Gate) return _width.Get(_blocks.Get(PieceOffset(block, cluster)), PieceIndex(cluster));
    }

    /// <summary>Takes clusters that are free and lie side by side.</summary>
    /// <param name="wanted">How many would be best.</param>
    /// <param name="got">How many there are; at least one.</param>
    /// <returns>Their place in the file.</returns>
    internal long Allocate(int wanted, out int got)
    {
        long first = FindFree();
        got = 0;
        do
        {
            Set(first + got, 1);
            got++;
        }
        while (got < wanted && IsKnownFree(first + got));
        _hint = first + got;
        _end = Math.Max(_end, _hint);
        long offset = first << _header.ClusterBits;
        CheckAllocated(first, got);
        return offset;
    }

    /// <summary>Takes a long stretch behind everything that is in use, together with the refcount blocks that it needs.</summary>
    internal long AllocateAtEnd(int count)
    {
        long start = FreeStretch(_end, count) ?? FreeStretch(Math.Max(_end, Coverage), count)
            ?? throw _guard.Damaged("clusters behind its end are in use");
        int blocks = BlocksToMake(start, count);
        long total = count + (long)blocks, next = start + count, last = (start + total - 1) >> _header.BlockBits;
        if (last >= _table.Length)
        {
            // The table itself goes to the end, so that the end is another one afterwards.
            GrowTable(last + 1);
            return AllocateAtEnd(count);
        }
        for (long index = start >> _header.BlockBits; index <= last; index++)
        {
            if (_table[index] == 0) PlaceBlock(index, next++);
        }
        for (long cluster = start; cluster < start + total; cluster++) Set(cluster, 1);
        _end = Math.Max(_end, start + total);
        CheckAllocated(start, (int)total);
        return start << _header.ClusterBits;
    }

    /// <summary>One user more or less of a cluster.</summary>
    /// <returns>How many there are now.</returns>
    internal ulong Change(long cluster, bool more)
    {
        ulong count = Get(cluster);
        if (count == (more ? _width.Largest : 0))
            throw _guard.Damaged($"cluster {cluster} can not be used {(more ? "more" : "less")} than {count} times");
        count = more ? count + 1 : count - 1;
        Set(cluster, count);
        if (count == 0) _hint = Math.Min(_hint, cluster);
        return count;
    }

    internal void WriteBlocks() => _blocks.WriteChanges();

    /// <summary>
    /// Writes the entries of the table that were changed, or all of it to its new place. The blocks they name are stable.
    /// </summary>
    internal void WriteTable()
    {
        int from = _moved.Count != 0 ? 0 : _changedFrom, to = _moved.Count != 0 ? _table.Length : _changedTo;
        PinnedBuffer bytes = new((to - from) * 8);
        for (int i = from; i < to; i++) BinaryPrimitives.WriteUInt64BigEndian(bytes.Span[((i - from) * 8)..], _table[i]);
        _file.Write((_moved.Count != 0 ? _moved.First << _header.ClusterBits : _header.RefcountTableOffset) + from * 8L, bytes);
        _changedFrom = int.MaxValue;
        _changedTo = 0;
    }

    /// <summary>Makes the header name the table's new place, if it has moved. The table is stable there.</summary>
    /// <returns>First cluster and number of those that it occupied before; none if it has not moved.</returns>
    internal (long First, int Count) SwitchTable()
    {
        if (_moved.Count == 0) return default;
        (long, int) old = (_header.RefcountTableOffset >> _header.ClusterBits, _header.RefcountTableClusters);
        _writer.WriteRefcountTablePlace(_moved.First << _header.ClusterBits, _moved.Count);
        _header.RefcountTableOffset = _moved.First << _header.ClusterBits;
        _header.RefcountTableClusters = _moved.Count;
        _moved = default;
        return old;
    }

    // Zero if there is none.
    private long BlockOf(long cluster)
    {
        ulong offset = _table[cluster >> _header.BlockBits] & ~511UL & (ulong)(Qcow2Format.MaxFileOffset - 1);
        return offset == 0 ? 0 : _guard.CheckInside(offset, "a refcount block");
    }

    private long PieceOffset(long block, long cluster)
        => block + ((cluster & ((1L << _header.BlockBits) - 1)) >> _pieceCountBits) * _blocks.PieceBytes;

    private int PieceIndex(long cluster) => (int)(cluster & ((1L << _pieceCountBits) - 1));

    private void Set(long cluster, ulong value)
    {
        long block = BlockOf(cluster);
        _guard.CheckWritable(block, _header.ClusterBytes);
        lock (_blocks.Gate) _width.Set(_blocks.Change(PieceOffset(block, cluster)), PieceIndex(cluster), value);
    }

    private bool IsKnownFree(long cluster) => cluster < Coverage && _table[cluster >> _header.BlockBits] != 0 && Get(cluster) == 0;

    // Piece by piece, so that a full image is searched quickly.
    private long FindFree()
    {
        for (long at = _hint; ;)
        {
            if (at >= Qcow2Format.MaxFileOffset >> _header.ClusterBits) throw _guard.Damaged("all of its clusters are said to be in use");
            long index = at >> _header.BlockBits;
            if (index >= _table.Length) GrowTable(index + 1);
            // A new block lies in the first of the clusters that it counts: none of them is in use.
            if (_table[index] == 0) PlaceBlock(index, index << _header.BlockBits);
            int found;
            long block = BlockOf(at);
            lock (_blocks.Gate) found = _width.FindZero(_blocks.Get(PieceOffset(block, at)), PieceIndex(at));
            long piece = at >> _pieceCountBits << _pieceCountBits;
            if (found >= 0) return piece + found;
            at = piece + (1L << _pieceCountBits);
        }
    }

    private void PlaceBlock(long index, long cluster)
    {
        long offset = cluster << _header.ClusterBits;
        _guard.CheckWritable(offset, _header.ClusterBytes);
        _blocks.Drop(offset, _header.ClusterBytes);
        ZeroFill.Clear(_file, offset, _header.ClusterBytes);
        _table[index] = (ulong)offset;
        _changedFrom = Math.Min(_changedFrom, (int)index);
        _changedTo = Math.Max(_changedTo, (int)index + 1);
        if (cluster >> _header.BlockBits == index) Set(cluster, 1);
        _end = Math.Max(_end, cluster + 1);
    }

    private void GrowTable(long needed)
    {
        int perCluster = _header.ClusterBytes / 8;
        long entries = (Math.Max(needed, _table.Length * 3L / 2) + perCluster - 1) / perCluster * perCluster;
        if (entries * 8 > Qcow2Format.MaxRefcountTableBytes)
            throw new DiskImageException($"{_file.Path} can not become longer; convert it to an image with larger clusters");
        int before = _table.Length, clusters = (int)(entries / perCluster);
        Array.Resize(ref _table, (int)entries);
        (long First, int Count) made;
        try
        {
            made = (AllocateAtEnd(clusters) >> _header.ClusterBits, clusters);
        }
        catch when (_table.Length == entries)
        {
            Shrink(before);
            throw;
        }
        // Making room may have made the table grow once more. Nothing on storage names the place that is not needed then.
        if (_table.Length == entries) (made, _moved) = (_moved, made);
        for (int i = 0; i < made.Count; i++) Change(made.First + i, more: false);
    }

    // There is no place for a longer table, so that nothing may be entered behind the end of the one that is stable.
    private void Shrink(int length)
    {
        Array.Resize(ref _table, length);
        _changedTo = Math.Min(_changedTo, length);
        if (_changedFrom < _changedTo) return;
        _changedFrom = int.MaxValue;
        _changedTo = 0;
    }

    // Null if something there is in use.
    private long? FreeStretch(long start, int count)
    {
        long total = count + (long)BlocksToMake(start, count);
        for (long cluster = start; cluster < Math.Min(start + total, Coverage); cluster++)
        {
            if (Get(cluster) != 0) return null;
        }
        return start;
    }

    // The blocks are counted themselves, and may need one more.
    private int BlocksToMake(long start, int count)
    {
        int blocks = 0;
        while (true)
        {
            int missing = 0;
            for (long index = start >> _header.BlockBits; index <= (start + count + blocks - 1) >> _header.BlockBits; index++)
            {
                if (index >= _table.Length || _table[index] == 0) missing++;
            }
            if (missing <= blocks) return blocks;
            blocks = missing;
        }
    }

    private void CheckAllocated(long first, int count)
        => _guard.CheckWritable(first << _header.ClusterBits, (long)count << _header.ClusterBits);
}
