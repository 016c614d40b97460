using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Walks all tables of an image, counts who uses which cluster, and compares with the reference counts. Nothing is believed: what lies
/// behind the end of the file is not followed, and no table is walked twice from the same place. Thread contract: nobody changes the image.
/// </summary>
internal sealed class Qcow2Checker(IImageFile file, Qcow2Header header)
{
    private readonly PinnedBuffer _table = new(header.ClusterBytes);
    private readonly long _fileEnd = (file.Length + header.ClusterBytes - 1) & -(long)header.ClusterBytes;

    /// <summary>Uses of clusters, without the refcount table and its blocks.</summary>
    internal ClusterCounts Uses { get; } = new(file.Path);

    internal Qcow2CheckReport Report { get; } = new();

    /// <summary>Damage that no repair of counts and flags can mend.</summary>
    internal long Lasting { get; private set; }

    /// <summary>Walks and compares.</summary>
    internal void Check()
    {
        Walk();
        Report.ImageEnd = Uses.End << header.ClusterBits;
        CompareFlags();
        long[] blocks = CountRefcounts();
        Compare(blocks);
    }

    /// <summary>Counts all uses but those of the refcount table.</summary>
    internal void Walk()
    {
        Use(0, header.ClusterBytes, "the header");
        Report.TotalClusters = (header.Size + header.ClusterBytes - 1) >> header.ClusterBits;
        WalkL1(header.L1Offset, header.L1Entries, isActive: true);
        if (header.SnapshotCount > 0)
        {
            IReadOnlyList<Qcow2Snapshot> snapshots = Qcow2Snapshot.ReadAll(file, header, out long bytes);
            Use(header.SnapshotsOffset, bytes, "the snapshot table");
            foreach (Qcow2Snapshot snapshot in snapshots) WalkL1(snapshot.L1Offset, snapshot.L1Entries, isActive: false);
        }
        if ((header.Autoclear & Qcow2Format.BitmapsFeature) != 0) WalkBitmaps();
    }

    /// <summary>Calls back for each entry of the active tables with its place in the file, those of the L1 table first.</summary>
    internal void ForEachActive(Action<long, ulong> act)
    {
        if (!Fits(header.L1Offset, header.L1Entries * 8L)) return;
        ulong[] l1 = Qcow2Refcounts.ReadTable(file, header.L1Offset, header.L1Entries);
        for (int i = 0; i < l1.Length; i++) act(header.L1Offset + i * 8L, l1[i]);
        HashSet<long> seen = [];
        foreach (ulong entry in l1)
        {
            long table = (long)(entry & Qcow2Format.OffsetMask);
            if (table == 0 || !IsCluster(table) || !seen.Add(table)) continue;
            foreach ((long place, ulong value) in ReadEntries(table)) act(place, value);
        }
    }

    /// <summary>True if an entry of an active table must say that its cluster is its own (section "L2 table entry", bit 63).</summary>
    internal bool IsOwn(ulong entry) => Uses[(long)(entry & Qcow2Format.OffsetMask) >> header.ClusterBits] == 1;

    internal static bool HasPlainCluster(ulong entry) => (entry & Qcow2Format.Compressed) == 0 && (entry & Qcow2Format.OffsetMask) != 0;

    private bool Fits(long offset, long length) => offset >= 0 && offset <= _fileEnd && length <= _fileEnd - offset;

    private bool IsCluster(long offset) => (offset & (header.ClusterBytes - 1)) == 0 && Fits(offset, header.ClusterBytes);

    private bool Use(long offset, long length, string what)
    {
        if (length == 0) return true;
        if (!Fits(offset, length)) return Fail($"{what} at 0x{offset:x} lies behind the end of the file");
        long first = offset >> header.ClusterBits;
        Uses.Add(first, ((offset + length - 1) >> header.ClusterBits) - first + 1);
        return true;
    }

    private bool Fail(string what)
    {
        Report.Corruption(what);
        Lasting++;
        return false;
    }

    private void WalkL1(long offset, int entries, bool isActive)
    {
        if ((offset & (header.ClusterBytes - 1)) != 0 && entries > 0)
        {
            Fail($"an L1 table at 0x{offset:x} does not begin with a cluster");
            return;
        }
        if (!Use(offset, entries * 8L, "an L1 table")) return;
        HashSet<long> seen = [];
        foreach (ulong entry in Qcow2Refcounts.ReadTable(file, offset, entries))
        {
            long table = (long)(entry & Qcow2Format.OffsetMask);
            if (table == 0) continue;
            if (!IsCluster(table)) Fail($"the L2 table at 0x{table:x} does not begin with a cluster or lies behind the end of the file");
            else if (!seen.Add(table)) Fail($"the L2 table at 0x{table:x} is used twice");
            else if (Use(table, header.ClusterBytes, "an L2 table")) WalkL2(table, isActive);
        }
    }

    private void WalkL2(long table, bool isActive)
    {
        foreach ((long _, ulong entry) in ReadEntries(table))
        {
            if (entry == 0) continue;
            bool isCompressed = (entry & Qcow2Format.Compressed) != 0;
            if (isActive && (isCompressed || (entry & Qcow2Format.OffsetMask) != 0)) Report.AllocatedClusters++;
            if (isActive && isCompressed) Report.CompressedClusters++;
            if (isCompressed)
            {
                (long offset, int bytes) = Qcow2Compression.Place(entry, header.ClusterBits);
                Use(offset, bytes, "a compressed cluster");
            }
            else if (HasPlainCluster(entry))
            {
                long offset = (long)(entry & Qcow2Format.OffsetMask);
                if ((offset & (header.ClusterBytes - 1)) != 0) Fail($"a cluster at 0x{offset:x} does not begin with a cluster");
                else Use(offset, header.ClusterBytes, "a cluster");
            }
        }
    }

    private IEnumerable<(long Place, ulong Entry)> ReadEntries(long table)
    {
        file.Read(table, _table);
        for (int at = 0; at < header.ClusterBytes; at += 8)
            yield return (table + at, BinaryPrimitives.ReadUInt64BigEndian(_table.Span[at..]));
    }

    // Section "Bitmaps extension": a directory, a table for each bitmap, clusters of bits.
    private void WalkBitmaps()
    {
        const int FixedLength = 24;
        (long offset, long bytes, int count) = header.Bitmaps;
        if (!Use(offset, bytes, "the bitmap directory") || bytes > Qcow2Format.MaxSnapshotTableBytes) return;
        PinnedBuffer directory = new((int)bytes);
        file.Read(offset, directory);
        for (int at = 0; count > 0 && at + FixedLength <= bytes; count--)
        {
            ReadOnlySpan<byte> entry = directory.Span[at..];
            long table = (long)(BinaryPrimitives.ReadUInt64BigEndian(entry) & (Qcow2Format.MaxFileOffset - 1));
            uint entries = BinaryPrimitives.ReadUInt32BigEndian(entry[8..]);
            if (entries <= Qcow2Format.MaxL1Bytes / 8 && Use(table, entries * 8L, "a bitmap table"))
            {
                foreach (ulong cluster in Qcow2Refcounts.ReadTable(file, table, (int)entries))
                    if ((cluster & Qcow2Format.OffsetMask) != 0)
                        Use((long)(cluster & Qcow2Format.OffsetMask), header.ClusterBytes, "a bitmap");
            }
            long length = FixedLength + BinaryPrimitives.ReadUInt16BigEndian(entry[18..]) + (long)BinaryPrimitives.ReadUInt32BigEndian(entry[20..]);
            at += (int)Math.Min((length + 7) & ~7L, bytes);
        }
    }

    private void CompareFlags() => ForEachActive((place, entry) =>
    {
        if (HasPlainCluster(entry) && IsOwn(entry) != ((entry & Qcow2Format.Copied) != 0))
            Report.Corruption($"the entry at 0x{place:x} says wrongly whether its cluster is its own");
    });

    private long[] CountRefcounts()
    {
        Use(header.RefcountTableOffset, (long)header.RefcountTableClusters << header.ClusterBits, "the refcount table");
        ulong[] table = Fits(header.RefcountTableOffset, (long)header.RefcountTableClusters << header.ClusterBits)
            ? Qcow2Refcounts.ReadTable(file, header.RefcountTableOffset, header.RefcountTableClusters * (header.ClusterBytes / 8)) : [];
        long[] blocks = new long[table.Length];
        HashSet<long> seen = [];
        for (int i = 0; i < table.Length; i++)
        {
            long block = (long)(table[i] & ~511UL);
            if (block == 0) continue;
            // The repair makes all of this anew.
            if (!IsCluster(block) || !seen.Add(block))
            {
                Report.Corruption($"the refcount block at 0x{block:x} does not begin with a cluster, lies behind the end of the file, "
                    + "or is used twice");
                continue;
            }
            Use(block, header.ClusterBytes, "a refcount block");
            blocks[i] = block;
        }
        return blocks;
    }

    private void Compare(long[] blocks)
    {
        RefcountWidth width = new(header.RefcountOrder);
        int counts = 1 << header.BlockBits;
        for (int index = 0; index < blocks.Length; index++)
        {
            if (blocks[index] == 0) continue;
            file.Read(blocks[index], _table);
            for (int i = 0; i < counts; i++)
            {
                long cluster = ((long)index << header.BlockBits) + i;
                CompareCount(cluster, width.Get(_table.Span, i), Uses[cluster]);
            }
        }
        foreach ((long cluster, uint used) in Uses.Used)
        {
            long index = cluster >> header.BlockBits;
            if (index >= blocks.Length || blocks[index] == 0) CompareCount(cluster, 0, used);
        }
    }

    private void CompareCount(long cluster, ulong counted, uint used)
    {
        if (counted > used) Report.Leak(cluster, counted, used);
        else if (counted < used) Report.Corruption($"cluster {cluster} is counted {counted} times and used {used} times");
    }
}
