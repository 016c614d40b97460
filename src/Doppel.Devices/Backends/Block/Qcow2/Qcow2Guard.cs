namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Knows where the tables lie that are always in memory, and stops what would write over them: an image that says so is damaged or was made
/// to do harm. Thread contract: as its owner.
/// </summary>
internal sealed class Qcow2Guard(IImageFile file, Qcow2Header header)
{
    /// <summary>Called with the reason when damage is found, before the exception.</summary>
    internal Action? OnDamage { get; set; }

    /// <summary>Checks that a stretch holds none of the tables.</summary>
    internal void CheckWritable(long offset, long length)
    {
        if (Overlaps(offset, length, 0, header.ClusterBytes)) throw Damaged("data lies on the header");
        if (Overlaps(offset, length, header.L1Offset, header.L1Entries * 8L)) throw Damaged("data lies on the L1 table");
        if (Overlaps(offset, length, header.RefcountTableOffset, (long)header.RefcountTableClusters << header.ClusterBits))
            throw Damaged("data lies on the refcount table");
    }

    /// <summary>Checks the place of something that is a cluster.</summary>
    internal long CheckCluster(ulong offset, string what)
    {
        if ((offset & (ulong)(header.ClusterBytes - 1)) != 0) throw Damaged($"{what} at 0x{offset:x} does not begin with a cluster");
        return (long)offset;
    }

    /// <summary>
    /// As <see cref="CheckCluster"/>, for one that was written before anything named it: if it lies behind the end of the file, that was cut
    /// short.
    /// </summary>
    internal long CheckInside(ulong offset, string what)
        => (long)offset < file.Length
            ? CheckCluster(offset, what)
            : throw Damaged($"{what} at 0x{offset:x} lies behind the end of the file, which has {file.Length} bytes and may have been cut "
                + "short");

    internal DiskImageException Damaged(string why)
    {
        OnDamage?.Invoke();
        return new DiskImageException($"{file.Path} is damaged: {why}; try `doppel disk check --repair {file.Path}`");
    }

    private static bool Overlaps(long offset, long length, long other, long otherLength)
        => offset < other + otherLength && other < offset + length;
}
