using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>
/// What a guest has made the server hold: its handles, and all that these stand for. Thread contract: one thread at a time.
/// </summary>
internal sealed class ShareSession : IDisposable
{
    private const int MostAttributeBytes = 16 << 20, FolderBytes = 32 << 10;

    private readonly Dictionary<uint, ShareFid> _fids = [];
    private byte[]? _attributeRoom;
    private int _attributeBytes;

    internal ShareSession(HostEntry root, ShareOptions options)
    {
        Options = options;
        Tree = new ShareTree(root, options);
        Ownership = new GuestOwnership(options, HostIdentity.Uid, HostIdentity.Gid);
        Locks = new ShareLocks(Tree, options);
    }

    internal ShareOptions Options { get; }

    internal ShareTree Tree { get; }

    internal GuestOwnership Ownership { get; }

    /// <summary>Room for one attribute or list of names, as long as they can be.</summary>
    internal byte[] AttributeRoom => _attributeRoom ??= new byte[ExtendedMessages.MaxValue];

    /// <summary>Room for entries of a folder.</summary>
    internal byte[] FolderRoom { get; } = new byte[FolderBytes];

    internal ShareLocks Locks { get; }

    internal IReadOnlyDictionary<uint, ShareFid> Fids => _fids;

    /// <summary>Longest message that both sides take, in bytes; zero until the guest has spoken.</summary>
    internal uint MessageLimit { get; set; }

    /// <summary>Data of the message at hand.</summary>
    internal IShareBulk Bulk { get; private set; } = null!;

    /// <summary>Bytes that a read may return.</summary>
    internal uint BulkRoom { get; set; }

    /// <summary>True if the message at hand may wait for a disk.</summary>
    internal bool MayWait { get; private set; }

    /// <summary>The message at hand may not wait, and had to; nothing was done.</summary>
    internal bool WouldWait { get; set; }

    /// <summary>Bytes that a read has put where they belong.</summary>
    internal uint BulkDone { get; set; }

    /// <summary>The next message.</summary>
    internal void Begin(IShareBulk bulk, bool mayWait)
    {
        MayWait = mayWait;
        WouldWait = false;
        Tree.BeginTurn();
        Bulk = bulk;
        BulkRoom = 0;
        BulkDone = 0;
    }

    internal bool TryFind(uint number, out ShareFid fid) => _fids.TryGetValue(number, out fid!);

    /// <summary>Why a number can not become a handle; zero if it can.</summary>
    internal int CheckNew(uint number) =>
        number == ShareFid.None || _fids.ContainsKey(number) ? Errno.EINVAL : _fids.Count >= Options.MaxFids ? Errno.ENFILE : 0;

    /// <summary>Makes a handle, which takes over the caller's reference to the node.</summary>
    internal ShareFid Add(uint number, ShareNode node, uint uid)
    {
        ShareFid fid = new(number, node, uid);
        _fids.Add(number, fid);
        return fid;
    }

    /// <summary>Makes a handle stand for an attribute.</summary>
    /// <returns>False if the guest holds too much of them already.</returns>
    internal bool TrySetAttribute(ShareFid fid, ShareAttribute attribute)
    {
        if (_attributeBytes + attribute.Value.Length > MostAttributeBytes) return false;
        _attributeBytes += attribute.Value.Length;
        fid.Attribute = attribute;
        return true;
    }

    /// <summary>Ends a handle.</summary>
    internal void Remove(ShareFid fid)
    {
        _fids.Remove(fid.Number);
        _attributeBytes -= fid.Attribute?.Value.Length ?? 0;
        if (fid.File is not null)
        {
            Locks.Forget(fid);
            fid.File.Dispose();
            fid.File = null;
            Tree.OpenFiles--;
        }
        Tree.Release(fid.Node);
    }

    /// <summary>Makes a handle stand for an open file, which it takes over with the caller's reference to its node.</summary>
    internal void SetOpen(ShareFid fid, ShareNode node, HostOpenFile file, HostOpenFlags flags)
    {
        ShareNode before = fid.Node;
        fid.Node = node;
        fid.File = file;
        fid.Flags = flags;
        fid.Folder = node.IsFolder ? new ShareFolderReader() : null;
        Tree.OpenFiles++;
        Tree.Release(before);
    }

    /// <summary>The descriptor of a handle's file: that of the open file if there is one, which works without a name too.</summary>
    internal int Reach(ShareFid fid, out HostEntry? entry)
    {
        entry = fid.File?.Entry;
        return entry is not null ? 0 : Tree.Reach(fid.Node, out entry);
    }

    /// <summary>The descriptor and status of a handle's file.</summary>
    internal int Look(ShareFid fid, out HostEntry? entry, out HostFileStatus status)
    {
        status = default;
        int error = Reach(fid, out entry);
        return error != 0 ? error : entry!.GetStatus(out status);
    }

    /// <summary>Ends all handles.</summary>
    internal void Reset()
    {
        foreach (ShareFid fid in _fids.Values.ToArray()) Remove(fid);
        MessageLimit = 0;
    }

    public void Dispose()
    {
        Reset();
        Tree.Dispose();
    }
}
