using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>
/// Messages about extended attributes. The guest has those of users; others mean something to the host that the guest must not decide,
/// and what <see cref="GuestOwnership"/> keeps is shown another way. Thread contract: stateless.
/// </summary>
internal static class ExtendedMessages
{
    // linux/limits.h: XATTR_SIZE_MAX and XATTR_LIST_MAX.
    internal const int MaxValue = 65536;

    // linux/xattr.h: XATTR_REPLACE.
    private const int MustExist = 2;

    internal static int Walk(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        uint number = message.Int();
        ReadOnlySpan<byte> name = message.Text();
        int error = session.CheckNew(number);
        if (error == 0 && !name.IsEmpty) error = CheckName(name);
        if (error != 0) return error;
        error = session.Reach(fid, out HostEntry? entry);
        if (error != 0) return error;
        error = Fetch(session, entry!, name, out byte[] value);
        if (error != 0) return error;
        fid.Node.References++;
        ShareFid added = session.Add(number, fid.Node, fid.Uid);
        reply.Long((ulong)value.Length);
        if (session.TrySetAttribute(added, new ShareAttribute(name.ToArray(), value, 0, IsWritten: false))) return 0;
        session.Remove(added);
        return Errno.ENFILE;
    }

    internal static int Create(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        ReadOnlySpan<byte> name = message.Text();
        ulong size = message.Long();
        uint flags = message.Int();
        if (!fid.IsPlain) return Errno.EINVAL;
        int error = CheckName(name);
        if (error != 0) return error;
        if (size > MaxValue) return Errno.E2BIG;
        if (flags > 2) return Errno.EINVAL;
        ShareAttribute attribute = new(name.ToArray(), new byte[size], (int)flags, IsWritten: true);
        return session.TrySetAttribute(fid, attribute) ? 0 : Errno.ENOSPC;
    }

    internal static int Read(ShareAttribute attribute, ulong offset, uint count, ref ShareWriter reply)
    {
        if (attribute.IsWritten) return Errno.EBADF;
        ReadOnlySpan<byte> value = offset >= (ulong)attribute.Value.Length ? [] : attribute.Value.AsSpan((int)offset);
        value = value[..(int)Math.Min((uint)value.Length, Math.Min(count, (uint)Math.Max(0, reply.Left - 4)))];
        reply.Int((uint)value.Length);
        reply.Bytes(value);
        return 0;
    }

    internal static int Write(ShareSession session, ShareAttribute attribute, ulong offset, uint count)
    {
        if (!attribute.IsWritten) return Errno.EBADF;
        if (offset > (ulong)attribute.Value.Length || count > (ulong)attribute.Value.Length - offset) return Errno.ENOSPC;
        session.Bulk.CopySource(attribute.Value.AsSpan((int)offset, (int)count));
        attribute.Filled = Math.Max(attribute.Filled, (uint)offset + count);
        return 0;
    }

    /// <summary>Sets the attribute that a handle wrote; nothing if it wrote none.</summary>
    internal static int Finish(ShareSession session, ShareFid fid)
    {
        if (fid.Attribute is not { IsWritten: true } attribute) return 0;
        if (attribute.Filled != attribute.Value.Length) return Errno.EINVAL;
        int error = session.Tree.Reach(fid.Node, out HostEntry? entry);
        if (error != 0) return error;
        using ShareRights rights = new(session.Options);
        // The protocol has no other way to remove one, and Linux asks for no empty value that must be there already.
        do error = attribute is { Value.Length: 0, Flags: MustExist } ? entry!.RemoveAttribute(attribute.Name)
            : entry!.SetAttribute(attribute.Name, attribute.Value, attribute.Flags);
        while (rights.Extend(error, entry));
        return error;
    }

    private static int CheckName(ReadOnlySpan<byte> name)
    {
        if (name.Length > HostEntry.MaxName) return Errno.ERANGE;
        return IsGuests(name) && !name.Contains((byte)0) ? 0 : Errno.EOPNOTSUPP;
    }

    private static bool IsGuests(ReadOnlySpan<byte> name) => name.StartsWith("user."u8) && !name.StartsWith(GuestOwnership.Prefix);

    private static int Fetch(ShareSession session, HostEntry entry, ReadOnlySpan<byte> name, out byte[] value)
    {
        byte[] room = session.AttributeRoom;
        int error, length;
        using (ShareRights rights = new(session.Options))
        {
            do error = name.IsEmpty ? entry.ListAttributes(room, out length) : entry.GetAttribute(name, room, out length);
            while (rights.Extend(error, entry));
        }
        value = error != 0 ? [] : name.IsEmpty ? Filter(room.AsSpan(0, length)) : room[..length];
        return error;
    }

    private static byte[] Filter(ReadOnlySpan<byte> names)
    {
        List<byte> kept = [];
        while (names.IndexOf((byte)0) is int end and >= 0)
        {
            if (IsGuests(names[..end])) kept.AddRange(names[..(end + 1)]);
            names = names[(end + 1)..];
        }
        return [.. kept];
    }
}
