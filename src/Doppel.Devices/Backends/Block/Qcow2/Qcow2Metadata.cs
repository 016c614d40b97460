namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Everything of an open image that is not data, and the order in which it becomes stable, so that a crash at any moment leaves at worst
/// clusters that are counted and not used: reference counts before the tables that use the clusters, data and new tables before what names
/// them, and nothing is free for reuse before the table is stable that does not name it any more.
/// Thread contract: <see cref="Tables"/> as it says; the rest from one thread at a time.
/// </summary>
internal sealed class Qcow2Metadata
{
    private const int MostReleased = 1 << 16;

    private readonly IImageFile _file;
    private readonly Action _drain;
    private readonly List<(long First, int Count)> _released = [];
    private int _releasedClusters;
    private bool _isBroken;

    /// <summary>Reads the tables that are held in memory.</summary>
    /// <param name="file">The image's file.</param>
    /// <param name="header">Its header.</param>
    /// <param name="drain">Returns when all transfers have ended that were under way.</param>
    internal Qcow2Metadata(IImageFile file, Qcow2Header header, Action drain)
    {
        _file = file;
        _drain = drain;
        Header = header;
        Guard = new Qcow2Guard(file, header);
        Writer = new Qcow2HeaderWriter(file, header);
        Refcounts = new Qcow2Refcounts(file, header, Guard, Writer);
        Tables = new Qcow2Tables(file, header, Guard, Refcounts, Release);
    }

    internal Qcow2Header Header { get; }

    internal Qcow2Guard Guard { get; }

    internal Qcow2HeaderWriter Writer { get; }

    internal Qcow2Refcounts Refcounts { get; }

    internal Qcow2Tables Tables { get; }

    /// <summary>True if a commit would write anything.</summary>
    internal bool HasChanges => Tables.HasChanges || Refcounts.HasBlockChanges || Refcounts.HasTableChanges || _released.Count > 0;

    /// <summary>True if so much waits in memory that it should be written.</summary>
    internal bool IsCrowded => Tables.IsCrowded || Refcounts.IsCrowded || _releasedClusters > MostReleased;

    /// <summary>Takes clusters that the tables in memory do not name any more.</summary>
    internal void Release(long first, int count)
    {
        _released.Add((first, count));
        _releasedClusters += count;
    }

    /// <summary>What a compressed cluster occupies: it begins anywhere and ends with a sector, maybe in the next cluster.</summary>
    internal void ReleaseCompressed(ulong entry)
    {
        (long offset, int bytes) = Qcow2Compression.Place(entry, Header.ClusterBits);
        long first = offset >> Header.ClusterBits;
        Release(first, (int)((offset + bytes - 1 >> Header.ClusterBits) - first) + 1);
    }

    /// <summary>Writes all changes, step by step, and returns when they are stable, and all data that was written before.</summary>
    internal void Commit()
    {
        if (_isBroken)
            throw new DiskImageException($"The host could not keep data of {_file.Path} before; the image is not written any more");
        Refcounts.WriteBlocks();
        Barrier();
        if (Refcounts.HasTableChanges) CommitRefcountTable();
        if (Tables.HasChanges)
        {
            Tables.WriteL2();
            Tables.WriteL1();
            Barrier();
        }
        FreeReleased();
    }

    /// <summary>Commits until nothing is left.</summary>
    internal void CommitAll()
    {
        do Commit();
        while (HasChanges);
    }

    /// <summary>
    /// Sees to it that all that was written is stable. After an error nobody knows what is, so that nothing more may be built on it.
    /// </summary>
    internal void Barrier()
    {
        try
        {
            _file.Flush();
        }
        catch
        {
            _isBroken = true;
            throw;
        }
    }

    private void CommitRefcountTable()
    {
        Refcounts.WriteTable();
        Barrier();
        (long first, int count) = Refcounts.SwitchTable();
        if (count == 0) return;
        Barrier();
        Release(first, count);
    }

    private void FreeReleased()
    {
        if (_released.Count == 0) return;
        // Reads and writes that found the old places may still be under way.
        _drain();
        // What is given back is off the list first: after an error some clusters may be lost space, but none is given back twice.
        while (_released.Count > 0)
        {
            (long first, int count) = _released[^1];
            _released.RemoveAt(_released.Count - 1);
            _releasedClusters -= count;
            Free(first, count);
        }
    }

    private void Free(long first, int count)
    {
        long start = first, end = first + count;
        for (long cluster = first; cluster < end; cluster++)
        {
            if (Refcounts.Change(cluster, more: false) == 0) continue;
            Punch(start, cluster);
            start = cluster + 1;
        }
        Punch(start, end);
    }

    // A file system that has no holes keeps the bytes, which is as good; so does one that has no room to note a hole, as a full one may.
    private void Punch(long from, long to)
    {
        if (from >= to) return;
        try
        {
            _ = _file.TryPunchHole(from << Header.ClusterBits, to - from << Header.ClusterBits);
        }
        catch (IOException)
        {
            // The clusters are free all the same.
        }
    }
}
