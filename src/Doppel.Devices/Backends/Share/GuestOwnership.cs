using System.Buffers.Text;
using System.Globalization;
using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>Owner of a file as the guest sees it.</summary>
/// <param name="Uid">User.</param>
/// <param name="Gid">Group.</param>
/// <param name="Special">The bits that run a program as its owner or group (set-user-ID, set-group-ID).</param>
internal readonly record struct GuestOwner(uint Uid, uint Gid, uint Special);

/// <summary>
/// Who owns a shared file. On the host all that the guest makes belongs to the user who runs the machine. That user is the guest's user
/// 0, other users are themselves, and the host's user 0, if it is another, is nobody. What else the guest sets with chown, and the
/// set-user-ID and set-group-ID bits, which must not take effect on the host, is kept in an extended attribute. Thread contract:
/// immutable.
/// </summary>
internal sealed class GuestOwnership(ShareOptions options, uint hostUid, uint hostGid)
{
    internal const uint SpecialBits = 0xC00, PlainBits = 0x3FF;

    private const uint Nobody = 65534;
    private const int LongestValue = 64, LongestList = 4096;

    /// <summary>What the names of attributes of ours begin with; the guest does not see these.</summary>
    internal static ReadOnlySpan<byte> Prefix => "user.doppel."u8;

    private static ReadOnlySpan<byte> AttributeName => "user.doppel.owner"u8;

    /// <summary>Tells who owns a file.</summary>
    internal GuestOwner Read(HostEntry entry, in HostFileStatus status) =>
        TryReadAttribute(entry, status, out GuestOwner owner) ? owner : Usual(status);

    /// <summary>Sets who owns a file.</summary>
    internal int Write(HostEntry entry, in HostFileStatus status, GuestOwner owner)
    {
        // Links, pipes and sockets have no attributes of users (xattr(7)), and nothing depends on who owns them.
        if (!CanHaveAttribute(status)) return 0;
        bool isThere = TryReadAttribute(entry, status, out GuestOwner before);
        if (isThere ? owner == before : owner == Usual(status)) return 0;
        int error;
        using ShareRights rights = new(options);
        do error = Store(entry, status, owner);
        while (rights.Extend(error, entry));
        return error is 0 or Errno.ENOSPC ? error : Errno.EPERM;
    }

    /// <summary>Sets permissions and owner of a file that was just made.</summary>
    internal void Initialize(HostEntry entry, in HostFileStatus status, GuestOwner owner, uint mode)
    {
        // Where attributes can not be kept the file belongs to the guest's user 0.
        _ = Write(entry, status, owner with { Special = CanHaveAttribute(status) ? mode & SpecialBits & ~status.Mode : 0 });
        uint wanted = (mode & PlainBits) | (status.Mode & SpecialBits);
        if (!status.IsSymlink && (status.Mode & (SpecialBits | PlainBits)) != wanted) entry.SetMode(wanted);
    }

    private static bool CanHaveAttribute(in HostFileStatus status) => status.IsRegular || status.IsFolder;

    private bool TryReadAttribute(HostEntry entry, in HostFileStatus status, out GuestOwner owner)
    {
        owner = default;
        if (!CanHaveAttribute(status)) return false;
        Span<byte> value = stackalloc byte[LongestValue];
        int error, length;
        using (ShareRights rights = new(options))
        {
            do error = entry.GetAttribute(AttributeName, value, out length);
            while (error == Errno.EACCES && MayBeKept(entry) && rights.Extend(error, entry));
        }
        return error == 0 && TryParse(value[..length], out owner);
    }

    // Unlike their values, the names need no permission, so that looking at a file that has no owner kept does not touch it.
    private static bool MayBeKept(HostEntry entry)
    {
        Span<byte> names = stackalloc byte[LongestList];
        int error = entry.ListAttributes(names, out int length);
        return error == Errno.ERANGE || (error == 0 && names[..length].IndexOf(AttributeName) >= 0);
    }

    private static bool TryParse(ReadOnlySpan<byte> text, out GuestOwner owner)
    {
        owner = default;
        if (!Utf8Parser.TryParse(text, out uint uid, out int used) || used == text.Length || text[used] != ':') return false;
        text = text[(used + 1)..];
        if (!Utf8Parser.TryParse(text, out uint gid, out used) || used == text.Length || text[used] != ':') return false;
        if (!Utf8Parser.TryParse(text[(used + 1)..], out uint special, out _)) return false;
        owner = new GuestOwner(uid, gid, special & SpecialBits);
        return true;
    }

    private int Store(HostEntry entry, in HostFileStatus status, GuestOwner owner)
    {
        if (owner == Usual(status)) return entry.RemoveAttribute(AttributeName);
        Span<byte> value = stackalloc byte[LongestValue];
        string text = string.Create(CultureInfo.InvariantCulture, $"{owner.Uid}:{owner.Gid}:{owner.Special}");
        int length = System.Text.Encoding.ASCII.GetBytes(text, value);
        return entry.SetAttribute(AttributeName, value[..length], 0);
    }

    private GuestOwner Usual(in HostFileStatus status) => new(Map(status.Uid, hostUid), Map(status.Gid, hostGid), 0);

    private static uint Map(uint id, uint own) => id == own ? 0 : id == 0 ? Nobody : id;
}
