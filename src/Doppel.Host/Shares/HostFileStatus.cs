namespace Doppel.Host.Shares;

/// <summary>A time of a file: seconds and nanoseconds since 1970 UTC.</summary>
public readonly record struct HostFileTime(long Seconds, uint Nanoseconds)
{
    /// <summary>Stands for the time at which it is set.</summary>
    public static HostFileTime Now { get; } = new(0, 0x3FFF_FFFF);

    /// <summary>Stands for the time that the file has.</summary>
    public static HostFileTime Unchanged { get; } = new(0, 0x3FFF_FFFE);
}

/// <summary>
/// What tells a file from all others that its file system holds or held: number, time of birth and type. Numbers are used again after a
/// file is gone, which the time of birth shows where the file system keeps one.
/// </summary>
public readonly record struct HostFileIdentity(ulong Inode, HostFileTime Birth, uint Type);

/// <summary>What the host tells of a file (statx(2)).</summary>
public readonly record struct HostFileStatus
{
    /// <summary>Bits of <see cref="Mode"/> that hold the type.</summary>
    public const uint TypeMask = 0xF000;

    /// <summary>Types as they stand in <see cref="Mode"/>.</summary>
    public const uint Pipe = 0x1000, CharacterDevice = 0x2000, Folder = 0x4000, BlockDevice = 0x6000;

    /// <summary>Further types.</summary>
    public const uint Regular = 0x8000, Symlink = 0xA000, Socket = 0xC000;

    /// <summary>Type and permissions.</summary>
    public uint Mode { get; init; }

    /// <summary>Owner.</summary>
    public uint Uid { get; init; }

    /// <summary>Group.</summary>
    public uint Gid { get; init; }

    /// <summary>Names that the file has.</summary>
    public uint Links { get; init; }

    /// <summary>Number in the file system.</summary>
    public ulong Inode { get; init; }

    /// <summary>Number of the file system.</summary>
    public ulong Device { get; init; }

    /// <summary>Size in bytes.</summary>
    public ulong Size { get; init; }

    /// <summary>Space in units of 512 bytes.</summary>
    public ulong Blocks { get; init; }

    /// <summary>Preferred size of a transfer in bytes.</summary>
    public uint BlockSize { get; init; }

    /// <summary>Numbers of the device that a device file stands for.</summary>
    public (uint Major, uint Minor) Represents { get; init; }

    /// <summary>Time of the last access.</summary>
    public HostFileTime Accessed { get; init; }

    /// <summary>Time of the last change of the content.</summary>
    public HostFileTime Modified { get; init; }

    /// <summary>Time of the last change of the status.</summary>
    public HostFileTime Changed { get; init; }

    /// <summary>Time of birth; zero where the file system keeps none.</summary>
    public HostFileTime Born { get; init; }

    /// <summary>The type alone.</summary>
    public uint Type => Mode & TypeMask;

    /// <summary>True for a folder.</summary>
    public bool IsFolder => Type == Folder;

    /// <summary>True for a regular file.</summary>
    public bool IsRegular => Type == Regular;

    /// <summary>True for a symbolic link.</summary>
    public bool IsSymlink => Type == Symlink;

    /// <summary>What tells the file from others.</summary>
    public HostFileIdentity Identity => new(Inode, Born, Type);

    internal static HostFileStatus From(in Interop.StatxResult raw) => new()
    {
        Mode = raw.Mode,
        Uid = raw.Uid,
        Gid = raw.Gid,
        Links = raw.Links,
        Inode = raw.Inode,
        Device = ((ulong)raw.DevMajor << 32) | raw.DevMinor,
        Size = raw.Size,
        Blocks = raw.Blocks,
        BlockSize = raw.BlockSize,
        Represents = (raw.RdevMajor, raw.RdevMinor),
        Accessed = Time(raw.AccessTime),
        Modified = Time(raw.ModifyTime),
        Changed = Time(raw.ChangeTime),
        Born = Time(raw.BirthTime),
    };

    private static HostFileTime Time(Interop.StatxTime time) => new(time.Seconds, time.Nanoseconds);
}

/// <summary>What the host tells of a file system (statfs(2)).</summary>
/// <param name="BlockSize">Unit of the counts of blocks in bytes.</param>
/// <param name="Blocks">All blocks.</param>
/// <param name="FreeBlocks">Free blocks.</param>
/// <param name="AvailableBlocks">Free blocks that are not kept for the administrator.</param>
/// <param name="Files">All files that there can be.</param>
/// <param name="FreeFiles">Files that there is still room for.</param>
public readonly record struct HostFileSystemStatus(
    uint BlockSize, ulong Blocks, ulong FreeBlocks, ulong AvailableBlocks, ulong Files, ulong FreeFiles);
