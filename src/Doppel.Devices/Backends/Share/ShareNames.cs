using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>What the guest may use as a name; with the errors that Linux gives.</summary>
internal static class ShareNames
{
    internal static bool IsHere(ReadOnlySpan<byte> name) => name.SequenceEqual("."u8);

    internal static bool IsParent(ReadOnlySpan<byte> name) => name.SequenceEqual(".."u8);

    /// <summary>
    /// Why a text can not be the name of an entry, whether there is one or not; zero if it can. "." and ".." are left to the caller.
    /// </summary>
    internal static int Check(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty) return Errno.ENOENT;
        if (name.Length > HostEntry.MaxName) return Errno.ENAMETOOLONG;
        return name.ContainsAny((byte)'/', (byte)0) ? Errno.EINVAL : 0;
    }

    /// <summary>Why a text can not be the name of something new.</summary>
    internal static int CheckNew(ReadOnlySpan<byte> name) => IsHere(name) || IsParent(name) ? Errno.EEXIST : Check(name);

    /// <summary>Why a text can not be the name of something to rename or replace.</summary>
    internal static int CheckMoved(ReadOnlySpan<byte> name) => IsHere(name) || IsParent(name) ? Errno.EBUSY : Check(name);

    /// <summary>Why a text can not be the name of something to remove.</summary>
    internal static int CheckRemoved(ReadOnlySpan<byte> name, bool isFolder)
    {
        if (IsHere(name)) return isFolder ? Errno.EINVAL : Errno.EISDIR;
        if (IsParent(name)) return isFolder ? Errno.ENOTEMPTY : Errno.EISDIR;
        return Check(name);
    }
}
