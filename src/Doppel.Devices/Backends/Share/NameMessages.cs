using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>Messages about names: what is made, linked, renamed and removed. Thread contract: stateless.</summary>
internal static class NameMessages
{
    private const uint RemoveFolder = 0x200;

    internal static int Symlink(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid folder)) return Errno.EBADF;
        ReadOnlySpan<byte> name = message.Text(), target = message.Text();
        uint gid = message.Int();
        if (target.IsEmpty) return Errno.ENOENT;
        int error = Prepare(session, folder, name, out HostEntry? at);
        if (error != 0) return error;
        using (ShareRights rights = new(session.Options))
        {
            do error = at!.MakeSymlink(name, target);
            while (rights.Extend(error, at));
        }
        return error != 0 ? error : Describe(session, folder, name, new NewFile(gid, 0), ref reply);
    }

    internal static int MakeNode(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid folder)) return Errno.EBADF;
        ReadOnlySpan<byte> name = message.Text();
        uint mode = message.Int(), major = message.Int(), minor = message.Int(), gid = message.Int(), type = mode & HostFileStatus.TypeMask;
        if (type is HostFileStatus.Folder) return Errno.EPERM;
        if (type is not (0 or HostFileStatus.Regular or HostFileStatus.Pipe or HostFileStatus.Socket
            or HostFileStatus.CharacterDevice or HostFileStatus.BlockDevice))
            return Errno.EINVAL;
        bool isDevice = type is HostFileStatus.CharacterDevice or HostFileStatus.BlockDevice;
        if (isDevice && !session.Options.AllowDeviceNodes) return Errno.EPERM;
        int error = Prepare(session, folder, name, out HostEntry? at);
        if (error != 0) return error;
        using (ShareRights rights = new(session.Options))
        {
            do error = at!.MakeNode(name, type | (mode & GuestOwnership.PlainBits), isDevice ? (major, minor) : default);
            while (rights.Extend(error, at));
        }
        return error != 0 ? error : Describe(session, folder, name, new NewFile(gid, mode), ref reply);
    }

    internal static int MakeFolder(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid folder)) return Errno.EBADF;
        ReadOnlySpan<byte> name = message.Text();
        uint mode = message.Int(), gid = message.Int();
        int error = Prepare(session, folder, name, out HostEntry? at);
        if (error != 0) return error;
        using (ShareRights rights = new(session.Options))
        {
            do error = at!.MakeFolder(name, mode & GuestOwnership.PlainBits);
            while (rights.Extend(error, at));
        }
        return error != 0 ? error : Describe(session, folder, name, new NewFile(gid, mode), ref reply);
    }

    internal static int ReadLink(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        int error = session.Tree.Reach(fid.Node, out HostEntry? entry);
        if (error != 0) return error;
        Span<byte> target = stackalloc byte[HostEntry.MaxPath];
        error = entry!.ReadLink(target, out int length);
        if (error != 0) return error;
        reply.Text(target[..length]);
        return 0;
    }

    internal static int Link(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid folder)) return Errno.EBADF;
        if (!session.TryFind(message.Int(), out ShareFid file)) return Errno.EBADF;
        ReadOnlySpan<byte> name = message.Text();
        int error = session.Reach(file, out HostEntry? entry);
        if (error != 0) return error;
        error = Prepare(session, folder, name, out HostEntry? at);
        if (error != 0) return error;
        using ShareRights rights = new(session.Options);
        do error = at!.Link(entry!, name);
        while (rights.Extend(error, at));
        return error;
    }

    internal static int Rename(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid file)) return Errno.EBADF;
        if (!session.TryFind(message.Int(), out ShareFid folder)) return Errno.EBADF;
        ReadOnlySpan<byte> name = message.Text();
        if (file.Node.Parent is not { } parent) return Errno.EBUSY;
        return file.Node.IsDetached ? Errno.ENOENT : Move(session, parent, file.Node.Name, folder.Node, name);
    }

    internal static int RenameAt(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid oldFolder)) return Errno.EBADF;
        ReadOnlySpan<byte> oldName = message.Text();
        if (!session.TryFind(message.Int(), out ShareFid newFolder)) return Errno.EBADF;
        return Move(session, oldFolder.Node, oldName, newFolder.Node, message.Text());
    }

    internal static int UnlinkAt(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid folder)) return Errno.EBADF;
        ReadOnlySpan<byte> name = message.Text();
        uint flags = message.Int();
        return (flags & ~RemoveFolder) != 0 ? Errno.EINVAL : Unlink(session, folder.Node, name, flags != 0);
    }

    internal static int Remove(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        int error = session.Options.IsReadOnly ? Errno.EROFS
            : fid.Node.Parent is null ? Errno.EBUSY
            : fid.Node.IsDetached ? Errno.ENOENT
            : Unlink(session, fid.Node.Parent, fid.Node.Name, fid.Node.IsFolder);
        // The handle is gone, whatever came of it.
        session.Remove(fid);
        return error;
    }

    private static int Unlink(ShareSession session, ShareNode folder, ReadOnlySpan<byte> name, bool isFolder)
    {
        ShareTree tree = session.Tree;
        int error = folder.IsFolder ? ShareNames.CheckRemoved(name, isFolder) : Errno.ENOTDIR;
        if (error != 0) return error;
        tree.Pin(folder, name);
        error = tree.Reach(folder, out HostEntry? at);
        if (error != 0) return error;
        using ShareRights rights = new(session.Options);
        do error = at!.Remove(name, isFolder);
        while (rights.Extend(error, at));
        if (error == 0) tree.Removed(folder, name);
        return error;
    }

    private static int Move(
        ShareSession session, ShareNode oldFolder, ReadOnlySpan<byte> oldName, ShareNode newFolder, ReadOnlySpan<byte> newName)
    {
        ShareTree tree = session.Tree;
        int error = oldFolder.IsFolder && newFolder.IsFolder ? ShareNames.CheckMoved(oldName) : Errno.ENOTDIR;
        if (error == 0) error = ShareNames.CheckMoved(newName);
        if (error != 0) return error;
        // A folder that gets another parent is written to itself.
        HostEntry? moved = tree.Pin(oldFolder, oldName);
        tree.Pin(newFolder, newName);
        error = tree.Reach(oldFolder, out HostEntry? from);
        if (error != 0) return error;
        error = tree.Reach(newFolder, out HostEntry? to);
        if (error != 0) return error;
        using ShareRights rights = new(session.Options);
        do error = from!.Rename(oldName, to!, newName);
        while (rights.Extend(error, from, to, moved));
        if (error == 0) tree.Renamed(oldFolder, oldName, newFolder, newName);
        return error;
    }

    private static int Prepare(ShareSession session, ShareFid folder, ReadOnlySpan<byte> name, out HostEntry? at)
    {
        at = null;
        int error = folder.Node.IsFolder ? ShareNames.CheckNew(name) : Errno.ENOTDIR;
        return error != 0 ? error : session.Tree.Reach(folder.Node, out at);
    }

    // The new file gets its permissions and owner, and the guest its number.
    private static int Describe(ShareSession session, ShareFid folder, ReadOnlySpan<byte> name, NewFile file, ref ShareWriter reply)
    {
        int error = session.Tree.Walk(folder.Node, name, out ShareNode? node);
        if (error != 0) return error;
        error = session.Tree.Reach(node!, out HostEntry? entry);
        if (error == 0) error = entry!.GetStatus(out HostFileStatus status) is int failed and not 0 ? failed
            : Initialize(session, entry, status, folder, file);
        reply.Qid(node!.Qid);
        session.Tree.Release(node);
        return error;
    }

    private static int Initialize(ShareSession session, HostEntry entry, in HostFileStatus status, ShareFid folder, NewFile file)
    {
        session.Ownership.Initialize(entry, status, new GuestOwner(folder.Uid, file.Gid, 0), file.Mode);
        return 0;
    }

    private readonly record struct NewFile(uint Gid, uint Mode);
}
