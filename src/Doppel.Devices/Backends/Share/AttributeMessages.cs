using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>Messages about what a file is apart from its content. Thread contract: stateless.</summary>
internal static class AttributeMessages
{
    private const uint Magic = 0x0102_1997;

    // Linux's P9_STATS_BASIC, P9_STATS_BTIME and P9_ATTR_*.
    private const ulong BasicStats = 0x7FF, BirthStat = 0x800;
    private const uint SetMode = 1, SetUid = 2, SetGid = 4, SetSize = 8;
    private const uint SetAccessed = 0x10, SetModified = 0x20, AccessedGiven = 0x80, ModifiedGiven = 0x100;

    // Each read is a message, so programs that choose their buffers by this number should choose large ones.
    private const uint FileBlock = 128 << 10;

    internal static int Statfs(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        int error = session.Reach(fid, out HostEntry? entry);
        if (error != 0) return error;
        error = entry!.GetFileSystem(out HostFileSystemStatus status);
        if (error != 0) return error;
        reply.Int(Magic);
        reply.Int(status.BlockSize);
        reply.Long(status.Blocks);
        reply.Long(status.FreeBlocks);
        reply.Long(status.AvailableBlocks);
        reply.Long(status.Files);
        reply.Long(status.FreeFiles);
        reply.Long(0);
        reply.Int(HostEntry.MaxName);
        return 0;
    }

    internal static int GetAttributes(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        int error = session.Look(fid, out HostEntry? entry, out HostFileStatus status);
        if (error != 0) return error;
        GuestOwner owner = session.Ownership.Read(entry!, status);
        reply.Long(BasicStats | (status.Born == default ? 0 : BirthStat));
        reply.Qid(fid.Node.Qid);
        reply.Int(status.Mode | owner.Special);
        reply.Int(owner.Uid);
        reply.Int(owner.Gid);
        reply.Long(status.Links);
        reply.Long(EncodeDevice(status.Represents));
        reply.Long(status.Size);
        reply.Long(status.IsRegular ? Math.Max(FileBlock, status.BlockSize) : status.BlockSize);
        reply.Long(status.Blocks);
        reply.Time(status.Accessed);
        reply.Time(status.Modified);
        reply.Time(status.Changed);
        reply.Time(status.Born);
        reply.Long(0);
        reply.Long(0);
        return 0;
    }

    internal static int SetAttributes(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        uint valid = message.Int(), mode = message.Int(), uid = message.Int(), gid = message.Int();
        ulong size = message.Long();
        HostFileTime accessed = new((long)message.Long(), (uint)message.Long()), modified = new((long)message.Long(), (uint)message.Long());
        int error = session.Look(fid, out HostEntry? entry, out HostFileStatus status);
        if (error == 0 && (valid & SetMode) != 0) error = ChangeMode(session.Ownership, entry!, ref status, mode);
        if (error == 0 && (valid & (SetUid | SetGid)) != 0)
        {
            GuestOwner owner = session.Ownership.Read(entry!, status);
            if ((valid & SetUid) != 0) owner = owner with { Uid = uid };
            if ((valid & SetGid) != 0) owner = owner with { Gid = gid };
            error = session.Ownership.Write(entry!, status, owner);
        }
        if (error == 0 && (valid & SetSize) != 0) error = ChangeSize(session, fid, entry!, size);
        if (error == 0 && (valid & (SetAccessed | SetModified)) != 0)
            error = entry!.SetTimes(Choose(valid, SetAccessed, AccessedGiven, accessed),
                Choose(valid, SetModified, ModifiedGiven, modified));
        return error;
    }

    // linux/kdev_t.h, new_encode_dev.
    private static uint EncodeDevice((uint Major, uint Minor) device) =>
        (device.Minor & 0xFF) | (device.Major << 8) | ((device.Minor & ~0xFFU) << 12);

    private static HostFileTime Choose(uint valid, uint wanted, uint given, HostFileTime time) =>
        (valid & wanted) == 0 ? HostFileTime.Unchanged : (valid & given) == 0 ? HostFileTime.Now : time;

    private static int ChangeMode(GuestOwnership ownership, HostEntry entry, ref HostFileStatus status, uint mode)
    {
        if (status.IsSymlink) return Errno.EOPNOTSUPP;
        // A folder keeps what the host has set on it; the guest's own special bits take no effect on the host.
        uint kept = status.IsFolder ? status.Mode & GuestOwnership.SpecialBits : 0;
        uint plain = (mode & GuestOwnership.PlainBits) | kept;
        int error = entry.SetMode(plain);
        if (error != 0) return error;
        status = status with { Mode = status.Type | plain };
        GuestOwner owner = ownership.Read(entry, status);
        return ownership.Write(entry, status, owner with { Special = mode & GuestOwnership.SpecialBits & ~kept });
    }

    // A file that is open for writing may be cut even if a later change of its permissions would forbid it.
    private static int ChangeSize(ShareSession session, ShareFid fid, HostEntry entry, ulong size)
    {
        if (size > long.MaxValue) return Errno.EINVAL;
        if (fid is { File: { } file, Folder: null } && fid.Flags.MayWrite) return file.SetLength((long)size);
        using ShareRights rights = new(session.Options);
        int error;
        do error = entry.SetLength((long)size);
        while (rights.Extend(error, entry));
        return error;
    }
}
