using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>
/// Makes a session again from plain data. What is not there any more, or is another file now, becomes a handle that tells the guest so
/// (<see cref="Errno.ESTALE"/>), as a network file system does. Thread contract: one thread at a time.
/// </summary>
internal sealed class ShareRestorer(ShareSession session, ShareServerState state)
{
    private readonly HostOpenFile?[] _orphans = new HostOpenFile?[state.Orphans.Count];

    internal void Restore()
    {
        session.Reset();
        session.MessageLimit = Math.Min(state.MessageLimit, ShareServer.MaxMessage);
        session.Tree.SetDevices(state.Devices);
        for (int i = 0; i < _orphans.Length; i++) _orphans[i] = Make(state.Orphans[i]);
        foreach (ShareFidState fid in state.Fids.Take(session.Options.MaxFids)) Restore(fid);
        foreach (HostOpenFile? orphan in _orphans) orphan?.Dispose();
        foreach (ShareLockState held in state.Locks)
        {
            if (held.Start > long.MaxValue || held.End < held.Start) continue;
            if (!session.TryFind(held.Fid, out ShareFid fid) || fid.File is null) continue;
            // What somebody on the host has locked meanwhile is lost.
            _ = session.Locks.Take(fid, new ShareLock(held.Fid, held.Process, held.IsExclusive, held.Start, held.End));
        }
    }

    private void Restore(ShareFidState saved)
    {
        if (session.CheckNew(saved.Number) != 0) return;
        session.Tree.BeginTurn();
        ShareFid fid = session.Add(saved.Number, Find(saved), saved.Uid);
        if (saved.AttributeName is { } name)
        {
            ShareAttribute attribute = new(name, saved.AttributeValue, saved.AttributeFlags, saved.AttributeFilled is not null)
            {
                Filled = saved.AttributeFilled ?? 0,
            };
            if (!session.TrySetAttribute(fid, attribute)) session.Remove(fid);
            return;
        }
        if (saved.Open is not { } flags) return;
        HostOpenFile? file = null;
        if (saved.Orphan is { } index) _orphans.ElementAtOrDefault(index)?.Entry.Open(flags.WithoutTruncation, out file);
        else FileMessages.OpenNode(session, fid.Node, flags.WithoutTruncation, out file);
        if (file is null) return;
        fid.Node.References++;
        session.SetOpen(fid, fid.Node, file, flags);
    }

    private ShareNode Find(ShareFidState saved)
    {
        ShareTree tree = session.Tree;
        ShareNode node = tree.Root;
        node.References++;
        foreach (byte[] name in saved.Path ?? [])
        {
            int error = ShareNames.Check(name) is int wrong and not 0 ? wrong
                : ShareNames.IsParent(name) || ShareNames.IsHere(name) ? Errno.EINVAL : 0;
            ShareNode? next = null;
            if (error == 0) error = tree.Walk(node, name, out next);
            tree.Release(node);
            if (error != 0) return tree.CreateStale(saved.Identity, saved.FileNumber);
            node = next!;
        }
        if (saved.Path is { Count: 0 } || (saved.Path is not null && node.Identity == saved.Identity)) return node;
        tree.Release(node);
        return tree.CreateStale(saved.Identity, saved.FileNumber);
    }

    private HostOpenFile? Make(ShareOrphanState orphan)
    {
        uint mode = orphan.Mode & GuestOwnership.PlainBits;
        if (session.Tree.Root.Entry!.CreateUnnamed(HostOpenFlags.ReadWrite, mode, out HostOpenFile? file) != 0) return null;
        if (file!.WriteAll(orphan.Content) == 0)
        {
            // What can not be kept of the times is no reason to lose the content.
            _ = file.Entry.SetTimes(orphan.Accessed, orphan.Modified);
            return file;
        }
        file.Dispose();
        return null;
    }
}
