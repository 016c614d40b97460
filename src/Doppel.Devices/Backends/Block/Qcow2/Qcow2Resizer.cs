namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>Changes the size of a disk. Thread contract: nobody else uses the image meanwhile.</summary>
internal static class Qcow2Resizer
{
    internal static void Resize(Qcow2Metadata metadata, Qcow2Allocation allocation, IBlockBackend? backing, long size)
    {
        Qcow2Header header = metadata.Header;
        long old = header.Size;
        if (header.SnapshotCount > 0 && size != old)
            throw new DiskImageException("an image with internal snapshots keeps its size; remove them first with `qemu-img snapshot -d`");
        if (size < old)
        {
            // Also what follows in the last cluster: it must be zero if the disk grows again.
            allocation.WriteZeroes(size, old - size, mayUnmap: true);
            allocation.DiscardTail(size);
            metadata.CommitAll();
            header.Size = size;
            metadata.Writer.WriteSizeAndL1();
        }
        else if (size > old)
        {
            Grow(metadata, size);
            // The image below may be longer than this disk was; its data must not come to light.
            if (backing is not null && backing.Length > old)
                allocation.WriteZeroes(old, Math.Min(size, backing.Length) - old, mayUnmap: true);
        }
        metadata.CommitAll();
    }

    private static void Grow(Qcow2Metadata metadata, long size)
    {
        Qcow2Header header = metadata.Header;
        int entries = Qcow2Header.L1EntriesFor(size, header.ClusterBits);
        if (entries * 8L > Qcow2Format.MaxL1Bytes)
            throw new DiskImageException($"a disk of {size} bytes needs larger clusters; convert the image with -o cluster_size=");
        (long offset, int count) = (header.L1Offset, header.L1Entries);
        if (entries > count)
        {
            long place = metadata.Tables.MoveL1(entries);
            metadata.CommitAll();
            header.L1Offset = place;
            header.L1Entries = entries;
        }
        header.Size = size;
        metadata.Writer.WriteSizeAndL1();
        metadata.Barrier();
        if (entries > count && count > 0)
            metadata.Release(offset >> header.ClusterBits, (int)((count * 8L + header.ClusterBytes - 1) >> header.ClusterBits));
    }
}
