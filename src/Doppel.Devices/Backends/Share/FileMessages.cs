using Doppel.Host;
using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>Messages about the content of files and folders. Thread contract: stateless.</summary>
internal static class FileMessages
{
    private const uint Exclusive = 0x80;

    internal static int Open(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        HostOpenFlags flags = HostOpenFlags.FromGuest(message.Int());
        if (!fid.IsPlain) return Errno.EINVAL;
        int error = OpenNode(session, fid.Node, flags, out HostOpenFile? file);
        if (error != 0) return error;
        fid.Node.References++;
        session.SetOpen(fid, fid.Node, file!, flags);
        WriteOpened(fid, ref reply);
        return 0;
    }

    internal static int Create(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        ReadOnlySpan<byte> name = message.Text();
        uint guestFlags = message.Int(), mode = message.Int(), gid = message.Int();
        if (!fid.IsPlain) return Errno.EINVAL;
        int error = fid.Node.IsFolder ? ShareNames.CheckNew(name) : Errno.ENOTDIR;
        if (error != 0) return error;
        HostOpenFlags flags = HostOpenFlags.FromGuest(guestFlags);
        error = CreateFile(session, fid, name, new GuestOwner(fid.Uid, gid, mode), flags, out ShareNode? node, out HostOpenFile? file);
        if (error == Errno.EEXIST && (guestFlags & Exclusive) == 0)
            error = OpenExisting(session, fid.Node, name, flags, out node, out file);
        if (error != 0) return error;
        session.SetOpen(fid, node!, file!, flags);
        WriteOpened(fid, ref reply);
        return 0;
    }

    internal static int Read(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        ulong offset = message.Long();
        uint count = Math.Min(Math.Min(message.Int(), session.BulkRoom), session.Bulk.TargetLength);
        if (fid.Attribute is { } attribute) return ExtendedMessages.Read(attribute, offset, count, ref reply);
        if (fid.File is null) return Errno.EBADF;
        if (fid.Node.IsFolder) return Errno.EISDIR;
        ReadOnlySpan<HostBuffer> target = session.Bulk.GetTarget(count);
        int error = session.MayWait ? fid.File.Read((long)offset, target, out uint done)
            : fid.File.ReadWithoutWaiting((long)offset, target, out done);
        session.WouldWait = error == Errno.EAGAIN && !session.MayWait;
        if (error != 0) return error;
        reply.Int(done);
        session.BulkDone = done;
        return 0;
    }

    internal static int Write(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        ulong offset = message.Long();
        uint count = message.Int(), done = count;
        if (count > session.Bulk.SourceLength) return Errno.EINVAL;
        int error = fid.Attribute is { } attribute ? ExtendedMessages.Write(session, attribute, offset, count)
            : fid.File is null || fid.Node.IsFolder ? Errno.EBADF
            : fid.File.Write((long)offset, session.Bulk.GetSource(count), out done);
        if (error != 0) return error;
        reply.Int(done);
        return 0;
    }

    internal static int ReadFolder(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        ulong place = message.Long();
        int count = (int)Math.Min(message.Int(), int.MaxValue);
        if (fid.File is null) return Errno.EBADF;
        if (fid.Folder is null) return Errno.ENOTDIR;
        int before = reply.Length;
        reply.Int(0);
        int error = fid.Folder.Read(fid, place, session.FolderRoom, Math.Min(count, reply.Left), ref reply);
        if (error != 0) return error;
        reply.Replace(before, (uint)(reply.Length - before - 4));
        return 0;
    }

    internal static int Sync(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        bool dataOnly = message.Int() != 0;
        return fid.File?.Sync(dataOnly) ?? Errno.EBADF;
    }

    /// <summary>Opens the file of a node.</summary>
    internal static int OpenNode(ShareSession session, ShareNode node, HostOpenFlags flags, out HostOpenFile? file)
    {
        file = null;
        if (flags.MayWrite && session.Options.IsReadOnly) return Errno.EROFS;
        int error = session.Tree.Reach(node, out HostEntry? entry);
        if (error != 0) return error;
        if (session.Tree.IsFull) return Errno.ENFILE;
        using ShareRights rights = new(session.Options);
        do error = entry!.Open(flags, out file);
        while (rights.Extend(error, entry));
        return error;
    }

    private static int OpenExisting(
        ShareSession session, ShareNode folder, ReadOnlySpan<byte> name, HostOpenFlags flags, out ShareNode? node, out HostOpenFile? file)
    {
        file = null;
        int error = session.Tree.Walk(folder, name, out node);
        if (error != 0) return error;
        error = OpenNode(session, node!, flags, out file);
        if (error == 0) return 0;
        session.Tree.Release(node);
        node = null;
        return error;
    }

    private static int CreateFile(
        ShareSession session, ShareFid folder, ReadOnlySpan<byte> name, GuestOwner wanted, HostOpenFlags flags,
        out ShareNode? node, out HostOpenFile? file)
    {
        node = null;
        file = null;
        if (session.Tree.IsFull) return Errno.ENFILE;
        int error = session.Tree.Reach(folder.Node, out HostEntry? at);
        if (error != 0) return error;
        using ShareRights rights = new(session.Options);
        do error = at!.Create(name, flags, wanted.Special & GuestOwnership.PlainBits, out file);
        while (rights.Extend(error, at));
        if (error != 0) return error;
        error = file!.Entry.GetStatus(out HostFileStatus status);
        if (error != 0)
        {
            file.Dispose();
            file = null;
            return error;
        }
        session.Ownership.Initialize(file.Entry, status, wanted, wanted.Special);
        node = session.Tree.Adopt(folder.Node, name, status);
        return 0;
    }

    // No size of transfers is given: the guest uses the longest message.
    private static void WriteOpened(ShareFid fid, ref ShareWriter reply)
    {
        reply.Qid(fid.Node.Qid);
        reply.Int(0);
    }
}
