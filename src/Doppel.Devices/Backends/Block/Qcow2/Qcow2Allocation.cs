using Doppel.Host;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// What changes the tables: writes where nothing of the image's own is yet, discards, zeroes. Thread contract: one thread at a time.
/// </summary>
internal sealed class Qcow2Allocation(IImageFile file, Qcow2Metadata metadata, IBlockBackend? backing, Qcow2Compression compression)
{
    private const int MostClusters = 1 << 12;

    private readonly Qcow2Header _header = metadata.Header;
    private readonly Qcow2Tables _tables = metadata.Tables;
    private readonly Qcow2Refcounts _refcounts = metadata.Refcounts;
    private PinnedBuffer? _scratch;

    /// <summary>Writes the next bytes to the disk: all, or as many as go into one piece.</summary>
    /// <returns>How many.</returns>
    internal long Write(long offset, ref BufferCursor cursor)
    {
        CheckSound();
        Qcow2Run run = _tables.Find(offset, cursor.Remaining);
        long done = run.Length;
        if (run.Kind == Qcow2Kind.Data)
        {
            metadata.Guard.CheckWritable(run.Host, run.Length);
            BlockTransfer.Write(file, run.Host, run.Length, ref cursor);
        }
        else
        {
            done = WriteNew(offset, run, ref cursor);
        }
        CommitIfCrowded();
        return done;
    }

    /// <summary>Writes a whole cluster in its compressed form, to a place that was allocated and counted.</summary>
    internal void LinkCompressed(long guest, long host, int bytes)
    {
        _tables.Prepare(guest);
        _tables.Set(guest, Qcow2Compression.Entry(host, bytes, _header.ClusterBits));
        CommitIfCrowded();
    }

    /// <summary>Gives back the clusters that lie entirely inside of a stretch.</summary>
    internal void Discard(long offset, long length)
    {
        CheckSound();
        // In version 2 an entry can not say "zero", so that the backing file's old data would come to light.
        if (_header.Version < 3 && backing is not null) return;
        ForEachCluster(offset, length, backing is null ? 0 : Qcow2Format.Zero);
    }

    /// <summary>Gives back all clusters, so that the disk reads as the one below it.</summary>
    internal void MakeEmpty()
    {
        CheckSound();
        ForEachCluster(0, _header.Size, 0);
    }

    /// <summary>Gives back the clusters that lie entirely behind an offset.</summary>
    internal void DiscardTail(long offset)
    {
        CheckSound();
        ForEachCluster(offset, _header.Size - offset, 0);
    }

    /// <summary>Makes a stretch read as zero.</summary>
    internal void WriteZeroes(long offset, long length, bool mayUnmap)
    {
        CheckSound();
        long cluster = _header.ClusterBytes, end = offset + length;
        long first = RoundUp(offset), last = end == _header.Size ? end : end & -cluster;
        if (first >= last)
        {
            ZeroPart(offset, length);
            return;
        }
        ZeroPart(offset, first - offset);
        for (long at = first; at < last;)
        {
            Qcow2Run run = _tables.Find(at, last - at);
            ZeroRun(at, run, mayUnmap);
            CommitIfCrowded();
            at += run.Length;
        }
        ZeroPart(last, end - last);
    }

    private void CheckSound()
    {
        if (_header.IsCorrupt)
            throw new DiskImageException($"{file.Path} is damaged and not written any more; repair it with `doppel disk check --repair "
                + $"{file.Path}`");
    }

    private void CommitIfCrowded()
    {
        if (metadata.IsCrowded) metadata.Commit();
    }

    private long RoundUp(long offset) => (offset + _header.ClusterBytes - 1) & -(long)_header.ClusterBytes;

    private long WriteNew(long offset, in Qcow2Run run, ref BufferCursor cursor)
    {
        int bits = _header.ClusterBits, inside = (int)(offset & (_header.ClusterBytes - 1));
        int wanted = (int)Math.Min((inside + run.Length + _header.ClusterBytes - 1) >> bits, MostClusters), got = wanted;
        _tables.Prepare(offset);
        bool isThere = run.Kind == Qcow2Kind.ZeroAllocated;
        long host = isThere ? run.Host - inside : _refcounts.Allocate(wanted, out got);
        long length = Math.Min(run.Length, ((long)got << bits) - inside);
        try
        {
            Fill(offset, host, run with { Length = length }, ref cursor);
        }
        catch
        {
            for (int i = 0; i < got && !isThere; i++) _refcounts.Change((host >> bits) + i, more: false);
            throw;
        }
        for (long at = 0; at < (long)got << bits; at += _header.ClusterBytes)
            _tables.Set(offset - inside + at, (ulong)(host + at) | Qcow2Format.Copied);
        ReleaseOld(run, isThere ? 0 : got);
        return length;
    }

    // Clusters are written whole: before and behind the new data is what was there.
    private void Fill(long offset, long host, in Qcow2Run run, ref BufferCursor cursor)
    {
        int inside = (int)(offset & (_header.ClusterBytes - 1));
        metadata.Guard.CheckWritable(host, inside + run.Length);
        if (inside > 0) CopyOld(offset - inside, host, run with { Host = run.Host - inside, Length = inside }, isEnd: false);
        BlockTransfer.Write(file, host + inside, run.Length, ref cursor);
        long end = offset + run.Length, rest = RoundUp(end) - end;
        if (rest > 0) CopyOld(end, host + inside + run.Length, run with { Host = run.Host + run.Length, Length = rest }, isEnd: true);
    }

    private void CopyOld(long guest, long to, in Qcow2Run old, bool isEnd)
    {
        bool isBacked = old.Kind == Qcow2Kind.Unallocated && backing is not null && guest < backing.Length;
        if (!isBacked && old.Kind is not (Qcow2Kind.Shared or Qcow2Kind.Compressed))
        {
            // In front of data behind the end of the file a hole comes of itself.
            if (isEnd || to < file.Length) ZeroFill.Clear(file, to, old.Length);
            return;
        }
        PinnedBuffer scratch = _scratch ??= new PinnedBuffer(_header.ClusterBytes);
        HostBuffer whole = scratch.Slice(0, (int)old.Length), part = whole;
        if (isBacked)
        {
            BufferCursor cursor = new([whole]);
            BlockTransfer.ReadPadded(backing!, guest, old.Length, ref cursor);
        }
        else if (old.Kind == Qcow2Kind.Shared)
        {
            file.Read(old.Host, [whole]);
        }
        else
        {
            compression.Read(old.Entry, scratch.Span);
            part = scratch.Slice((int)(guest & (_header.ClusterBytes - 1)), (int)old.Length);
        }
        file.Write(to, [part]);
    }

    private void ReleaseOld(in Qcow2Run run, int clusters)
    {
        if (run.Kind == Qcow2Kind.Compressed)
        {
            compression.Forget();
            metadata.ReleaseCompressed(run.Entry);
        }
        else if (run.HasCluster && clusters > 0)
        {
            metadata.Release(run.Host >> _header.ClusterBits, clusters);
        }
    }

    private void ForEachCluster(long offset, long length, ulong value)
    {
        long end = offset + length, last = end == _header.Size ? end : end & -(long)_header.ClusterBytes;
        for (long at = RoundUp(offset); at < last;)
        {
            Qcow2Run run = _tables.Find(at, last - at);
            if (run.Kind is not (Qcow2Kind.Unallocated or Qcow2Kind.Zero) || (run.Kind == Qcow2Kind.Zero && value == 0))
                Replace(at, run, value);
            CommitIfCrowded();
            at += run.Length;
        }
    }

    // The entries of a run become all the same, and its clusters are given back.
    private void Replace(long guest, in Qcow2Run run, ulong value)
    {
        _tables.Prepare(guest);
        int clusters = (int)((run.Length + _header.ClusterBytes - 1) >> _header.ClusterBits);
        for (int i = 0; i < clusters; i++) _tables.Set(guest + ((long)i << _header.ClusterBits), value);
        ReleaseOld(run, clusters);
    }

    private void ZeroRun(long guest, in Qcow2Run run, bool mayUnmap)
    {
        if (run.ReadsAsZero || (run.Kind == Qcow2Kind.Unallocated && backing is null)) return;
        if (_header.Version < 3)
        {
            if (backing is null) Replace(guest, run, 0);
            else WriteZeroBytes(guest, run.Length);
        }
        else if (run.Kind == Qcow2Kind.Data && !mayUnmap)
        {
            _tables.Prepare(guest);
            for (long at = 0; at < run.Length; at += _header.ClusterBytes)
                _tables.Set(guest + at, (ulong)(run.Host + at) | Qcow2Format.Copied | Qcow2Format.Zero);
        }
        else
        {
            Replace(guest, run, Qcow2Format.Zero);
        }
    }

    private void ZeroPart(long offset, long length)
    {
        while (length > 0)
        {
            Qcow2Run run = _tables.Find(offset, length);
            bool isZero = run.ReadsAsZero || (run.Kind == Qcow2Kind.Unallocated && (backing is null || offset >= backing.Length));
            if (!isZero) WriteZeroBytes(offset, run.Length);
            offset += run.Length;
            length -= run.Length;
        }
    }

    private void WriteZeroBytes(long offset, long length)
    {
        while (length > 0)
        {
            BufferCursor cursor = new([ZeroFill.Piece(length)]);
            while (cursor.Remaining > 0)
            {
                long done = Write(offset, ref cursor);
                offset += done;
                length -= done;
            }
        }
    }
}
