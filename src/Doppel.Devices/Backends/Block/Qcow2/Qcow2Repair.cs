using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Mends what can be mended without guessing: counts the uses of all clusters, writes the result as a new refcount table behind everything
/// that is in use, and makes the header name it when it is stable, so that a crash leaves the old one. Then the flags that depend on
/// counts. Thread contract: nobody else uses the image.
/// </summary>
internal static class Qcow2Repair
{
    /// <summary>Repairs, and takes the marks of damage off where nothing is left of it.</summary>
    internal static void Run(IImageFile file, Qcow2Header header)
    {
        Qcow2Checker checker = new(file, header);
        checker.Walk();
        WriteCounts(file, header, checker.Uses);
        file.Flush();
        new Qcow2HeaderWriter(file, header).WriteRefcountTablePlace(header.RefcountTableOffset, header.RefcountTableClusters);
        file.Flush();
        FixFlags(file, checker);
        file.Flush();
        if (header.Version < 3 || checker.Lasting > 0) return;
        header.Incompatible &= ~(Qcow2Format.DirtyFeature | Qcow2Format.CorruptFeature);
        new Qcow2HeaderWriter(file, header).WriteFeatures();
        file.Flush();
    }

    private static void WriteCounts(IImageFile file, Qcow2Header header, ClusterCounts uses)
    {
        long fileEnd = (file.Length + header.ClusterBytes - 1) >> header.ClusterBits;
        long start = Math.Max(uses.End, fileEnd);
        SortedSet<long> covered = [.. uses.Used.Select(u => u.Cluster >> header.BlockBits).Distinct()];
        int tableClusters = Plan(header, covered, start);
        uses.Add(start, tableClusters + covered.Count);
        RefcountWidth width = new(header.RefcountOrder);
        long[] indices = [.. covered];
        PinnedBuffer block = new(header.ClusterBytes), table = new(tableClusters << header.ClusterBits);
        for (int i = 0; i < indices.Length; i++)
        {
            block.Span.Clear();
            for (int c = 0; c < 1 << header.BlockBits; c++)
            {
                uint count = uses[(indices[i] << header.BlockBits) + c];
                if (count > width.Largest)
                    throw new DiskImageException($"{file.Path} can not be repaired: a cluster is used {count} times, and "
                        + $"{header.RefcountBits} bits can not count that");
                if (count > 0) width.Set(block.Span, c, count);
            }
            long place = (start + tableClusters + i) << header.ClusterBits;
            file.Write(place, block);
            BinaryPrimitives.WriteUInt64BigEndian(table.Span[((int)indices[i] * 8)..], (ulong)place);
        }
        file.Write(start << header.ClusterBits, table);
        header.RefcountTableOffset = start << header.ClusterBits;
        header.RefcountTableClusters = tableClusters;
    }

    // The new table and its blocks are counted themselves. Adds the blocks that this takes; returns the clusters of the table.
    private static int Plan(Qcow2Header header, SortedSet<long> covered, long start)
    {
        int tableClusters = 1;
        while (true)
        {
            long end = start + tableClusters + covered.Count;
            int before = covered.Count;
            for (long index = start >> header.BlockBits; index <= (end - 1) >> header.BlockBits; index++) covered.Add(index);
            long needed = ((covered.Max + 1) * 8 + header.ClusterBytes - 1) >> header.ClusterBits;
            if (needed << header.ClusterBits > Qcow2Format.MaxRefcountTableBytes)
                throw new DiskImageException("the image is too long to be repaired");
            if (before == covered.Count && needed <= tableClusters) return tableClusters;
            tableClusters = (int)Math.Max(tableClusters, needed);
        }
    }

    private static void FixFlags(IImageFile file, Qcow2Checker checker)
    {
        PinnedBuffer entryBytes = new(8);
        checker.ForEachActive((place, entry) =>
        {
            if (!Qcow2Checker.HasPlainCluster(entry)) return;
            ulong right = checker.IsOwn(entry) ? entry | Qcow2Format.Copied : entry & ~Qcow2Format.Copied;
            if (right == entry) return;
            BinaryPrimitives.WriteUInt64BigEndian(entryBytes.Span, right);
            file.Write(place, entryBytes);
        });
    }
}
