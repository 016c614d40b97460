using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>
/// Locks of byte ranges that the guest's processes hold, as locks on the host's files, so that programs of the host and of other guests
/// heed them. Between its own processes the guest's kernel decides before it asks. Of a share that is only read nothing is locked on
/// the host: a guest that may change nothing must not make others wait either. Thread contract: one thread at a time.
/// </summary>
internal sealed class ShareLocks(ShareTree tree, ShareOptions options)
{
    private const int Most = 1 << 14;

    private readonly Dictionary<ulong, ShareLockedFile> _files = [];
    private int _count;

    /// <summary>All locks.</summary>
    internal IEnumerable<ShareLock> All => _files.Values.SelectMany(static file => file.Locks);

    /// <summary>Takes a lock for an open file of the guest's.</summary>
    /// <returns>Zero, or <see cref="Errno.EAGAIN"/> if somebody else on the host stands against it, or another error.</returns>
    internal int Take(ShareFid fid, in ShareLock wanted)
    {
        if (options.IsReadOnly) return 0;
        if (_count >= Most) return Errno.ENOLCK;
        if (!_files.TryGetValue(fid.Node.Number, out ShareLockedFile? file))
        {
            if (tree.IsFull) return Errno.ENOLCK;
            if (OpenHolder(fid.File!) is not { } holder) return 0;
            _files.Add(fid.Node.Number, file = new ShareLockedFile(holder));
            tree.OpenFiles++;
        }
        int before = file.Locks.Count, error = file.Take(wanted);
        Account(fid.Node.Number, file, before);
        return error;
    }

    /// <summary>Ends what the holder of a lock holds of its range.</summary>
    /// <returns>Zero, or an error if what is left would be too many pieces.</returns>
    internal int GiveUp(ShareFid fid, in ShareLock range)
    {
        if (!_files.TryGetValue(fid.Node.Number, out ShareLockedFile? file)) return 0;
        if (_count >= Most && !range.IsWhole) return Errno.ENOLCK;
        int before = file.Locks.Count;
        file.GiveUp(range);
        Account(fid.Node.Number, file, before);
        return 0;
    }

    /// <summary>Ends all locks that were taken by a handle.</summary>
    internal void Forget(ShareFid fid)
    {
        if (!_files.TryGetValue(fid.Node.Number, out ShareLockedFile? file)) return;
        int before = file.Locks.Count;
        file.Forget(fid.Number);
        Account(fid.Node.Number, file, before);
    }

    /// <summary>Finds a lock on the host that stands against one.</summary>
    internal int FindConflict(ShareFid fid, in ShareLock wanted, out HostLock? held)
    {
        held = null;
        if (options.IsReadOnly) return 0;
        return _files.TryGetValue(fid.Node.Number, out ShareLockedFile? file) ? file.FindConflict(wanted.ToHost(), out held)
            : fid.File!.FindLock(wanted.ToHost(), out held);
    }

    // The handle's own open file would not do: two handles of one process of the guest's would stand against each other.
    private static HostOpenFile? OpenHolder(HostOpenFile file) =>
        file.Entry.Open(HostOpenFlags.ReadWrite, out HostOpenFile? holder) == 0
        || file.Entry.Open(HostOpenFlags.Read, out holder) == 0 ? holder : null;

    private void Account(ulong number, ShareLockedFile file, int before)
    {
        _count += file.Locks.Count - before;
        if (file.Locks.Count != 0) return;
        _files.Remove(number);
        file.Dispose();
        tree.OpenFiles--;
    }
}
