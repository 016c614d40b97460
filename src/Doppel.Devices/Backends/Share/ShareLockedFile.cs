using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>
/// A file that processes of the guest have locked. To the host all of them are one holder, an open file of its own, because the guest's
/// kernel has already decided between them; what is kept here tells which ranges nobody needs any more. Thread contract: one thread at a
/// time.
/// </summary>
internal sealed class ShareLockedFile(HostOpenFile holder) : IDisposable
{
    private readonly List<ShareLock> _locks = [];

    internal IReadOnlyList<ShareLock> Locks => _locks;

    /// <summary>Takes a lock; <see cref="Errno.EAGAIN"/> if somebody on the host stands against it.</summary>
    internal int Take(in ShareLock wanted)
    {
        int error = holder.Lock(wanted.ToHost());
        if (error == Errno.EAGAIN) return error;
        // A file system without locks, or a file that may only be read: then the lock is the guest's own affair.
        if (error != 0) return 0;
        Cut(wanted, isTaken: true);
        _locks.Add(wanted);
        return 0;
    }

    /// <summary>Ends what the holder of a lock holds of its range.</summary>
    internal void GiveUp(in ShareLock range)
    {
        Cut(range, isTaken: false);
        Free(range.Start, range.End);
    }

    /// <summary>Ends all locks that were taken by a handle.</summary>
    internal void Forget(uint fid)
    {
        if (_locks.RemoveAll(held => held.Fid == fid) != 0) Free(0, ulong.MaxValue);
    }

    /// <summary>Finds a lock on the host that stands against one.</summary>
    internal int FindConflict(in HostLock wanted, out HostLock? held) => holder.FindLock(wanted, out held);

    /// <summary>Ends all locks.</summary>
    public void Dispose() => holder.Dispose();

    // A lock takes the place of its holder's, and of those that stand against it: the guest's kernel would not have asked for it if they
    // were still held. (A lock of flock(2) that another process gave up than the one that took it comes here as one that nobody gave up.)
    private void Cut(ShareLock range, bool isTaken)
    {
        for (int i = _locks.Count - 1; i >= 0; i--)
        {
            ShareLock held = _locks[i];
            bool isReplaced = held.HasHolderOf(range) || (isTaken && (held.IsExclusive || range.IsExclusive));
            if (!isReplaced || !held.Overlaps(range)) continue;
            _locks.RemoveAt(i);
            if (held.Start < range.Start) _locks.Add(held with { End = range.Start - 1 });
            if (held.End > range.End) _locks.Add(held with { Start = range.End + 1 });
        }
    }

    // The host gets back what no lock of the guest's covers.
    private void Free(ulong start, ulong end)
    {
        foreach (ShareLock held in _locks.Where(held => held.Start <= end && held.End >= start).OrderBy(static held => held.Start))
        {
            if (held.Start > start) Unlock(start, held.Start - 1);
            if (held.End >= end) return;
            start = Math.Max(start, held.End + 1);
        }
        Unlock(start, end);
    }

    private void Unlock(ulong start, ulong end) => holder.Unlock((long)start, ShareLock.LengthOf(start, end));
}
