namespace Doppel;

/// <summary>One virtio block device.</summary>
/// <param name="Path">Image file, or a block device of the host.</param>
/// <param name="ReadOnly">True if the guest may not write.</param>
public sealed record DiskConfig(string Path, bool ReadOnly = false)
{
    /// <summary>Most queues of a disk.</summary>
    public const int MaxQueues = 16;

    /// <summary>Longest serial number of a disk.</summary>
    public const int MaxSerial = 20;

    /// <summary>
    /// Format of the image: <c>raw</c>, <c>qcow2</c>, and for reading <c>vpc</c>, <c>vmdk</c>, <c>vdi</c>. Null: as the ending of the file's name has it,
    /// raw for all that are not known. What the file contains does not decide, because a guest may have written it.
    /// </summary>
    public string? Format { get; init; }

    /// <summary>True to leave the image as it is: what the guest writes is gone when the machine is.</summary>
    public bool Snapshot { get; init; }

    /// <summary>What of the host's memory stands between guest and file.</summary>
    public DiskCache Cache { get; init; } = DiskCache.Writeback;

    /// <summary>What becomes of space that the guest discards.</summary>
    public DiskDiscard Discard { get; init; } = DiskDiscard.Unmap;

    /// <summary>What becomes of a write for which the host has no space.</summary>
    public DiskFull WhenFull { get; init; } = DiskFull.Wait;

    /// <summary>What becomes of a write of nothing but zeroes.</summary>
    public DiskZeroDetection DetectZeroes { get; init; } = DiskZeroDetection.Off;

    /// <summary>
    /// What the guest shows as serial number, ASCII, at most <see cref="MaxSerial"/> characters; null for one made of the disk's place.
    /// </summary>
    public string? Serial { get; init; }

    /// <summary>Queues of requests, 1 to <see cref="MaxQueues"/>. More than one may help a guest with several processors.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>How much the guest may read and write in a second.</summary>
    public DiskLimits Limits { get; init; } = DiskLimits.None;
}

/// <summary>How much a guest may do with a disk in a second; zero is no limit, and where several apply, all of them do.</summary>
public sealed record DiskLimits
{
    /// <summary>No limits.</summary>
    public static DiskLimits None { get; } = new();

    /// <summary>Requests of either kind in a second.</summary>
    public long Requests { get; init; }

    /// <summary>Reads in a second.</summary>
    public long Reads { get; init; }

    /// <summary>Writes in a second, discards among them.</summary>
    public long Writes { get; init; }

    /// <summary>Bytes read and written in a second.</summary>
    public long Bytes { get; init; }

    /// <summary>Bytes read in a second.</summary>
    public long ReadBytes { get; init; }

    /// <summary>Bytes written in a second.</summary>
    public long WrittenBytes { get; init; }

    /// <summary>A guest that has been idle may use what it could have used in this time at once; at most an hour.</summary>
    public TimeSpan Burst { get; init; } = TimeSpan.FromMilliseconds(100);
}

/// <summary>What becomes of a write of nothing but zeroes.</summary>
public enum DiskZeroDetection
{
    /// <summary>It is a write like any other.</summary>
    Off,

    /// <summary>The stretch is made zero without writing, and keeps its space.</summary>
    On,

    /// <summary>The stretch is made zero and gives its space back.</summary>
    Unmap,
}

/// <summary>What of the host's memory stands between a guest and its disk. The names are QEMU's.</summary>
public enum DiskCache
{
    /// <summary>Writes go to the host's cache; a flush of the guest makes them stable.</summary>
    Writeback,

    /// <summary>The host's cache is bypassed; a flush of the guest makes writes stable.</summary>
    None,

    /// <summary>Reads come from the host's cache; each write is stable before it ends.</summary>
    WriteThrough,

    /// <summary>The host's cache is bypassed; each write is stable before it ends.</summary>
    DirectSync,

    /// <summary>
    /// As <see cref="Writeback"/>, but flushes are ignored: fast, and lost if the host stops. A crash of the process alone loses nothing that was
    /// flushed.
    /// </summary>
    Unsafe,
}

/// <summary>What becomes of space that a guest discards.</summary>
public enum DiskDiscard
{
    /// <summary>It is given back to the host.</summary>
    Unmap,

    /// <summary>It is kept; the guest is not offered to discard.</summary>
    Ignore,
}

/// <summary>What becomes of a write for which the host has no space, as an image that grows with its content may find.</summary>
public enum DiskFull
{
    /// <summary>
    /// It waits, is tried again every second, and the machine's log tells. The guest sees a slow disk; what it does without that disk goes
    /// on. Under <see cref="TimePolicy.InstructionCount"/> it fails.
    /// </summary>
    Wait,

    /// <summary>It fails, and the guest gets an input/output error.</summary>
    Fail,
}
