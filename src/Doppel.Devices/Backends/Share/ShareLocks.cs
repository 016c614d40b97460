using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>Who holds a lock: a process of a guest.</summary>
internal readonly record struct ShareLockOwner(uint Process, string Client);

/// <summary>A lock on a range of bytes of a file.</summary>
/// <param name="Owner">Who holds it.</param>
/// <param name="Fid">Handle by which it was taken.</param>
/// <param name="IsExclusive">True for writing.</param>
/// <param name="Start">First byte.</param>
/// <param name="End">Last byte.</param>
internal readonly record struct ShareLock(ShareLockOwner Owner, uint Fid, bool IsExclusive, ulong Start, ulong End)
{
    internal bool Overlaps(in ShareLock other) => Start <= other.End && other.Start <= End;

    internal bool Conflicts(in ShareLock other) => Owner != other.Owner && (IsExclusive || other.IsExclusive) && Overlaps(other);
}

/// <summary>
/// Locks of byte ranges as POSIX has them: those of one owner replace each other, those of others may conflict. Thread contract: one
/// thread at a time.
/// </summary>
internal sealed class ShareLocks
{
    private const int Most = 1 << 14;

    private readonly Dictionary<HostFileIdentity, List<ShareLock>> _files = [];
    private int _count;

    /// <summary>The first lock that stands against another; null if none does.</summary>
    internal ShareLock? FindConflict(HostFileIdentity file, in ShareLock wanted)
    {
        if (!_files.TryGetValue(file, out List<ShareLock>? locks)) return null;
        foreach (ShareLock held in locks)
        {
            if (held.Conflicts(wanted)) return held;
        }
        return null;
    }

    /// <summary>Takes a lock that nothing stands against, or gives up what its owner holds of a range.</summary>
    /// <returns>False if there are too many locks.</returns>
    internal bool Set(HostFileIdentity file, in ShareLock wanted, bool isTaken)
    {
        if (_count >= Most && isTaken) return false;
        if (!_files.TryGetValue(file, out List<ShareLock>? locks)) _files.Add(file, locks = []);
        int before = locks.Count;
        for (int i = locks.Count - 1; i >= 0; i--)
        {
            ShareLock held = locks[i];
            if (held.Owner != wanted.Owner || !held.Overlaps(wanted)) continue;
            locks.RemoveAt(i);
            if (held.Start < wanted.Start) locks.Add(held with { End = wanted.Start - 1 });
            if (held.End > wanted.End) locks.Add(held with { Start = wanted.End + 1 });
        }
        if (isTaken) locks.Add(wanted);
        _count += locks.Count - before;
        if (locks.Count == 0) _files.Remove(file);
        return true;
    }

    /// <summary>Ends all locks that were taken by a handle.</summary>
    internal void Forget(uint fid)
    {
        if (_count == 0) return;
        foreach ((HostFileIdentity file, List<ShareLock> locks) in _files.ToArray())
        {
            _count -= locks.RemoveAll(held => held.Fid == fid);
            if (locks.Count == 0) _files.Remove(file);
        }
    }

    /// <summary>All locks.</summary>
    internal IEnumerable<(HostFileIdentity File, ShareLock Lock)> All => _files.SelectMany(static f => f.Value.Select(l => (f.Key, l)));
}
