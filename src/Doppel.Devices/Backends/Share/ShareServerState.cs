using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>
/// All that a <see cref="ShareServer"/> holds for its guest: plain data. Files are named by the names that led to them, and by what tells
/// them from others; the content of open files that have no name any more comes along.
/// </summary>
public sealed record ShareServerState
{
    /// <summary>Longest message that was agreed on, in bytes; zero if the guest has not spoken.</summary>
    public uint MessageLimit { get; init; }

    /// <summary>File systems whose files the guest has seen, the folder's own first.</summary>
    public IReadOnlyList<ulong> Devices { get; init; } = [];

    /// <summary>The guest's handles.</summary>
    public IReadOnlyList<ShareFidState> Fids { get; init; } = [];

    /// <summary>Locks that the guest's processes hold.</summary>
    public IReadOnlyList<ShareLockState> Locks { get; init; } = [];

    /// <summary>Open files without a name.</summary>
    public IReadOnlyList<ShareOrphanState> Orphans { get; init; } = [];
}

/// <summary>One handle of a guest.</summary>
public sealed record ShareFidState
{
    /// <summary>Its number.</summary>
    public uint Number { get; init; }

    /// <summary>User of the guest who attached.</summary>
    public uint Uid { get; init; }

    /// <summary>Names that lead to the file; null if none do.</summary>
    public IReadOnlyList<byte[]>? Path { get; init; }

    /// <summary>Which file it is.</summary>
    public HostFileIdentity Identity { get; init; }

    /// <summary>The file's number as the guest knows it.</summary>
    public ulong FileNumber { get; init; }

    /// <summary>How the file is open; null if it is not.</summary>
    public HostOpenFlags? Open { get; init; }

    /// <summary>Which of <see cref="ShareServerState.Orphans"/> the open file is; null if it has a name, or could not be saved.</summary>
    public int? Orphan { get; init; }

    /// <summary>Name of the extended attribute that is being read or written; null for none.</summary>
    public byte[]? AttributeName { get; init; }

    /// <summary>Its value as far as it is known.</summary>
    public byte[] AttributeValue { get; init; } = [];

    /// <summary>What has to be there when it is written.</summary>
    public int AttributeFlags { get; init; }

    /// <summary>Bytes of it that the guest has sent; null if it is being read.</summary>
    public uint? AttributeFilled { get; init; }
}

/// <summary>A lock of a process of the guest's.</summary>
/// <param name="Fid">Handle by which it was taken.</param>
/// <param name="Process">The process.</param>
/// <param name="IsExclusive">True for writing.</param>
/// <param name="Start">First byte.</param>
/// <param name="End">Last byte; the largest number for wherever the file will end.</param>
public sealed record ShareLockState(uint Fid, uint Process, bool IsExclusive, ulong Start, ulong End);

/// <summary>An open file that has no name any more.</summary>
/// <param name="Mode">Permissions.</param>
/// <param name="Accessed">Time of the last access.</param>
/// <param name="Modified">Time of the last change.</param>
/// <param name="Content">All its bytes.</param>
public sealed record ShareOrphanState(uint Mode, HostFileTime Accessed, HostFileTime Modified, byte[] Content);
