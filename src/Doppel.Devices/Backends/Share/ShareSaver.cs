using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>Turns a session into plain data. Thread contract: one thread at a time.</summary>
internal sealed class ShareSaver(ShareSession session)
{
    // Larger files without a name are lost: a state is not the place for somebody's disk.
    private const ulong MostOrphanBytes = 64 << 20;

    private readonly List<ShareOrphanState> _orphans = [];
    private readonly Dictionary<ShareNode, int> _orphanOf = [];
    private ulong _room = MostOrphanBytes;

    internal ShareServerState Save() => new()
    {
        MessageLimit = session.MessageLimit,
        Devices = [.. session.Tree.Devices],
        Fids = [.. session.Fids.Values.OrderBy(static f => f.Number).Select(Save)],
        Locks = [.. session.Locks.All.Select(static l => new ShareLockState(l.Fid, l.Process, l.IsExclusive, l.Start, l.End))],
        Orphans = _orphans,
    };

    private ShareFidState Save(ShareFid fid)
    {
        List<byte[]>? path = PathOf(fid.Node);
        return new ShareFidState
        {
            Number = fid.Number,
            Uid = fid.Uid,
            Path = path,
            Identity = fid.Node.Identity,
            FileNumber = fid.Node.Number,
            Open = fid.File is null ? null : fid.Flags,
            Orphan = path is null && fid is { File: { } file, Folder: null } ? SaveOrphan(fid.Node, file) : null,
            AttributeName = fid.Attribute?.Name,
            AttributeValue = fid.Attribute?.Value ?? [],
            AttributeFlags = fid.Attribute?.Flags ?? 0,
            AttributeFilled = fid.Attribute is { IsWritten: true } written ? written.Filled : null,
        };
    }

    // The host may have removed or replaced what the names led to, without the guest's knowledge.
    private List<byte[]>? PathOf(ShareNode node)
    {
        if (ShareTree.PathOf(node) is not { } path) return null;
        if (path.Count == 0) return path;
        if (session.Tree.Root.Entry!.FindBeneath(path.ToArray(), out HostEntry? entry) != 0) return null;
        bool isSame = entry!.GetStatus(out HostFileStatus status) == 0 && status.Identity == node.Identity;
        entry.Dispose();
        return isSame ? path : null;
    }

    private int? SaveOrphan(ShareNode node, HostOpenFile file)
    {
        if (_orphanOf.TryGetValue(node, out int index)) return index;
        if (file.Entry.GetStatus(out HostFileStatus status) != 0 || status.Size > _room) return null;
        if (file.Entry.Open(HostOpenFlags.Read, out HostOpenFile? reader) != 0) return null;
        using (reader)
        {
            if (reader!.ReadAll((int)status.Size, out byte[] content) != 0) return null;
            _room -= (ulong)content.Length;
            _orphans.Add(new ShareOrphanState(status.Mode & ~HostFileStatus.TypeMask, status.Accessed, status.Modified, content));
        }
        return _orphanOf[node] = _orphans.Count - 1;
    }
}
