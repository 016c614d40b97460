namespace Doppel.Devices.Virtio.Block;

/// <summary>How a block device is set up, apart from where its contents are. Immutable.</summary>
public sealed record VirtioBlockOptions
{
    /// <summary>Most queues of a device.</summary>
    public const int MaxQueues = 16;

    /// <summary>Longest serial number.</summary>
    public const int MaxSerial = 20;

    /// <summary>What the guest shows as the disk's serial number: ASCII, <see cref="MaxSerial"/> characters at most.</summary>
    public string Serial { get; init; } = "";

    /// <summary>Queues of requests, 1 to <see cref="MaxQueues"/>; the guest uses no more than it has processors.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>True if each write is stable before its request ends; the guest is told that there is no cache to flush.</summary>
    public bool WriteThrough { get; init; }

    /// <summary>True to give no space back: the guest is not offered to discard.</summary>
    public bool IgnoreDiscard { get; init; }

    /// <summary>
    /// True if a request for which the host has no space fails; else it waits until there is, and only the guest's other requests go on.
    /// Under deterministic time it always fails.
    /// </summary>
    public bool FailWhenFull { get; init; }

    /// <summary>What becomes of a write of nothing but zeroes.</summary>
    public ZeroDetection DetectZeroes { get; init; }

    /// <summary>How much the guest may do.</summary>
    public BlockRates Rates { get; init; } = BlockRates.None;
}

/// <summary>What becomes of a write of nothing but zeroes.</summary>
public enum ZeroDetection
{
    /// <summary>It is a write like any other.</summary>
    Off,

    /// <summary>The stretch is made zero without writing, and keeps its space.</summary>
    On,

    /// <summary>The stretch is made zero and gives its space back.</summary>
    Unmap,
}

/// <summary>How much a guest may read and write in a second; zero is no limit, and where several apply, all of them do.</summary>
public sealed record BlockRates
{
    /// <summary>No limits.</summary>
    public static BlockRates None { get; } = new();

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

    /// <summary>For how many seconds' worth a guest that has been idle may go faster.</summary>
    public double BurstSeconds { get; init; } = 0.1;
}
