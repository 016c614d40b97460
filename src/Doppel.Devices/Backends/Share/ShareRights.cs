using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>
/// Lets the guest do what permissions forbid the host's user to do with files of his own. The guest's kernel has already decided who of
/// the guest may do it, and lets its root do anything; the user's own permissions, which he may change at will, are not to stand in the
/// way. What the owner lacks is there for one operation, which is made again. Thread contract: one operation.
/// </summary>
internal ref struct ShareRights(ShareOptions options)
{
    private const uint AllOfAFolder = 0x1C0, AllOfAFile = 0x180;

    private List<(HostEntry Entry, uint Mode)>? _before;

    /// <summary>
    /// After an operation: extends the permissions of what it needs if it was denied. A share that is only read stays as it is.
    /// </summary>
    /// <returns>True if the operation is to be made again.</returns>
    internal bool Extend(int error, params ReadOnlySpan<HostEntry?> needed)
    {
        if (error != Errno.EACCES || _before is not null || options.IsReadOnly) return false;
        _before = [];
        foreach (HostEntry? entry in needed)
        {
            if (entry is not null) Extend(entry);
        }
        return _before.Count > 0;
    }

    /// <summary>Puts the permissions back.</summary>
    public readonly void Dispose()
    {
        if (_before is null) return;
        foreach ((HostEntry entry, uint mode) in _before) entry.SetMode(mode);
    }

    // What has a set-ID bit is left alone: changing permissions may take it away.
    private readonly void Extend(HostEntry entry)
    {
        if (entry.GetStatus(out HostFileStatus status) != 0 || status.Uid != HostIdentity.Uid) return;
        uint all = status.IsFolder ? AllOfAFolder : status.IsRegular ? AllOfAFile : 0, mode = status.Mode & ~HostFileStatus.TypeMask;
        if ((mode & all) == all || (mode & GuestOwnership.SpecialBits) != 0) return;
        if (entry.SetMode(mode | all) == 0) _before!.Add((entry, mode));
    }
}
