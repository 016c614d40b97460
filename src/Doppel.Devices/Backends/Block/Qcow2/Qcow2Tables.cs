using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Where each cluster of the disk is (section "Cluster mapping"): the L1 table in memory, pieces of L2 tables in a cache.
/// Thread contract: <see cref="Find"/> from any thread, the rest from one at a time.
/// </summary>
internal sealed class Qcow2Tables
{
    private const int CacheBytes = 4 << 20, LargestPiece = 4096;

    private readonly IImageFile _file;
    private readonly Qcow2Header _header;
    private readonly Qcow2Guard _guard;
    private readonly Qcow2Refcounts _refcounts;
    private readonly Action<long, int> _release;
    private readonly MetadataCache _l2;
    private readonly SortedSet<int> _changedSectors = [];
    private ulong[] _l1;

    /// <summary>Reads the L1 table.</summary>
    /// <param name="file">The image's file.</param>
    /// <param name="header">Its header.</param>
    /// <param name="guard">Checks places.</param>
    /// <param name="refcounts">Gives clusters for tables.</param>
    /// <param name="release">Takes clusters that are not named any more once the changes are stable: the first, and how many.</param>
    internal Qcow2Tables(IImageFile file, Qcow2Header header, Qcow2Guard guard, Qcow2Refcounts refcounts, Action<long, int> release)
    {
        _file = file;
        _header = header;
        _guard = guard;
        _refcounts = refcounts;
        _release = release;
        int piece = Math.Min(header.ClusterBytes, LargestPiece);
        _l2 = new MetadataCache(file, piece, CacheBytes / piece);
        _l1 = Qcow2Refcounts.ReadTable(file, header.L1Offset, header.L1Entries);
    }

    internal bool HasChanges => _l2.ChangedCount > 0 || _changedSectors.Count > 0;

    internal bool IsCrowded => _l2.IsCrowded;

    internal IReadOnlyList<ulong> L1 => _l1;

    /// <summary>What is at an offset of the disk, and how far the same goes on.</summary>
    internal Qcow2Run Find(long guest, long most)
    {
        ulong entry = Volatile.Read(ref _l1[guest >> _header.L1Shift]);
        if ((entry & Qcow2Format.OffsetMask) == 0)
        {
            long toEnd = ((guest >> _header.L1Shift) + 1 << _header.L1Shift) - guest;
            return new Qcow2Run(Qcow2Kind.Unallocated, 0, Math.Min(most, toEnd), 0);
        }
        long at = EntryOffset(entry, guest);
        lock (_l2.Gate) return Scan(_l2.Get(at)[(int)(at & (_l2.PieceBytes - 1))..], guest, most);
    }

    /// <summary>As <see cref="Find"/> if the table is in memory and nobody is reading one.</summary>
    internal bool TryFindCached(long guest, long most, out Qcow2Run run)
    {
        run = default;
        ulong entry = Volatile.Read(ref _l1[guest >> _header.L1Shift]);
        if ((entry & Qcow2Format.OffsetMask) == 0)
        {
            run = Find(guest, most);
            return true;
        }
        if (!_l2.Gate.TryEnter()) return false;
        try
        {
            long at = EntryOffset(entry, guest);
            if (!_l2.Holds(at)) return false;
            run = Scan(_l2.Get(at)[(int)(at & (_l2.PieceBytes - 1))..], guest, most);
            return true;
        }
        finally
        {
            _l2.Gate.Exit();
        }
    }

    /// <summary>Makes sure that the L2 table of an offset is there and may be changed.</summary>
    internal void Prepare(long guest)
    {
        int index = (int)(guest >> _header.L1Shift);
        ulong entry = _l1[index];
        if ((entry & Qcow2Format.Copied) != 0 && (entry & Qcow2Format.OffsetMask) != 0) return;
        long old = (entry & Qcow2Format.OffsetMask) == 0 ? 0 : TableOffset(entry), made = _refcounts.Allocate(1, out _);
        _l2.Drop(made, _header.ClusterBytes);
        try
        {
            if (old == 0) ZeroFill.Clear(_file, made, _header.ClusterBytes);
            else CopyTable(old, made);
        }
        catch
        {
            _refcounts.Change(made >> _header.ClusterBits, more: false);
            throw;
        }
        Volatile.Write(ref _l1[index], (ulong)made | Qcow2Format.Copied);
        _changedSectors.Add(index >> 6);
        if (old != 0) _release(old >> _header.ClusterBits, 1);
    }

    /// <summary>Sets the entry of a cluster whose table was prepared.</summary>
    internal void Set(long guest, ulong value) => _l2.SetEntry(EntryOffset(_l1[guest >> _header.L1Shift], guest), value);

    /// <summary>Kind of the cluster that an entry names.</summary>
    internal Qcow2Kind Classify(ulong entry)
    {
        if ((entry & Qcow2Format.Compressed) != 0) return Qcow2Kind.Compressed;
        bool zero = (entry & Qcow2Format.Zero) != 0, isOwn = (entry & Qcow2Format.Copied) != 0;
        ulong offset = entry & Qcow2Format.OffsetMask;
        if (zero && _header.Version < 3) throw _guard.Damaged("it is of version 2 and has a zero cluster");
        if (offset == 0) return zero ? Qcow2Kind.Zero : Qcow2Kind.Unallocated;
        _guard.CheckCluster(offset, "a cluster");
        if (zero) return isOwn ? Qcow2Kind.ZeroAllocated : Qcow2Kind.ZeroShared;
        return isOwn ? Qcow2Kind.Data : Qcow2Kind.Shared;
    }

    internal void WriteL2() => _l2.WriteChanges();

    /// <summary>
    /// Writes the sectors of the L1 table that were changed. The tables that they name are stable, at least as they were when new.
    /// </summary>
    internal void WriteL1()
    {
        PinnedBuffer sector = new(512);
        foreach (int index in _changedSectors)
        {
            int count = Math.Min(64, _l1.Length - index * 64);
            for (int i = 0; i < count; i++) BinaryPrimitives.WriteUInt64BigEndian(sector.Span[(i * 8)..], _l1[index * 64 + i]);
            _file.Write(_header.L1Offset + index * 512L, sector, 0, count * 8);
        }
        _changedSectors.Clear();
    }

    /// <summary>Makes the L1 table longer: writes it to a new place. The header is the caller's to switch, when that is stable.</summary>
    /// <returns>The new place.</returns>
    internal long MoveL1(int entries)
    {
        int clusters = (int)((entries * 8L + _header.ClusterBytes - 1) >> _header.ClusterBits);
        long place = _refcounts.AllocateAtEnd(clusters);
        ulong[] table = new ulong[entries];
        _l1.CopyTo(table, 0);
        PinnedBuffer bytes = new(clusters << _header.ClusterBits);
        for (int i = 0; i < entries; i++) BinaryPrimitives.WriteUInt64BigEndian(bytes.Span[(i * 8)..], table[i]);
        _file.Write(place, bytes);
        _l1 = table;
        return place;
    }

    private long TableOffset(ulong entry) => _guard.CheckInside(entry & Qcow2Format.OffsetMask, "an L2 table");

    private long EntryOffset(ulong l1Entry, long guest)
        => TableOffset(l1Entry) + ((guest >> _header.ClusterBits) & (_header.L2Entries - 1)) * 8;

    private Qcow2Run Scan(ReadOnlySpan<byte> entries, long guest, long most)
    {
        ulong first = BinaryPrimitives.ReadUInt64BigEndian(entries);
        Qcow2Kind kind = Classify(first);
        int cluster = _header.ClusterBytes, inside = (int)(guest & (cluster - 1));
        long length = cluster - inside;
        if (kind == Qcow2Kind.Compressed) return new Qcow2Run(kind, 0, Math.Min(length, most), first);
        ulong step = (first & Qcow2Format.OffsetMask) != 0 ? (ulong)cluster : 0, expected = first;
        for (int at = 8; length < most && at < entries.Length; at += 8)
        {
            expected += step;
            if (BinaryPrimitives.ReadUInt64BigEndian(entries[at..]) != expected) break;
            length += cluster;
        }
        length = Math.Min(length, most);
        long host = (long)(first & Qcow2Format.OffsetMask) + inside;
        if (kind is Qcow2Kind.Data or Qcow2Kind.Shared) _guard.CheckInside((ulong)(host + length - 1) & ~(ulong)(cluster - 1), "a cluster");
        return new Qcow2Run(kind, host, length, first);
    }

    // A table that a snapshot has too is never changed, so the file has it as it is.
    private void CopyTable(long from, long to)
    {
        PinnedBuffer table = new(_header.ClusterBytes);
        _file.Read(from, table);
        _file.Write(to, table);
    }
}
