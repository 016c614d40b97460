using System.Text;
using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>Messages about locks of byte ranges. Thread contract: stateless.</summary>
internal static class LockMessages
{
    private const byte Shared = 0, Exclusive = 1, Unlock = 2;
    private const byte Success = 0, Blocked = 1;

    // A guest that wants to wait asks again, so nothing waits here.
    internal static int Lock(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        byte type = message.Byte();
        message.Int();
        int error = Read(fid, type, ref message, out ShareLock wanted);
        if (error != 0) return error;
        bool isFree = type == Unlock || session.Locks.FindConflict(fid.Node.Identity, wanted) is null;
        if (isFree && !session.Locks.Set(fid.Node.Identity, wanted, type != Unlock)) return Errno.ENOLCK;
        reply.Byte(isFree ? Success : Blocked);
        return 0;
    }

    internal static int GetLock(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        byte type = message.Byte();
        int error = Read(fid, type, ref message, out ShareLock wanted);
        if (error != 0) return error;
        ShareLock? held = session.Locks.FindConflict(fid.Node.Identity, wanted);
        ShareLock told = held ?? wanted;
        reply.Byte(held is null ? Unlock : told.IsExclusive ? Exclusive : Shared);
        reply.Long(told.Start);
        reply.Long(told.End == ulong.MaxValue ? 0 : told.End - told.Start + 1);
        reply.Int(told.Owner.Process);
        reply.Text(Encoding.Latin1.GetBytes(told.Owner.Client));
        return 0;
    }

    private static int Read(ShareFid fid, byte type, ref ShareReader message, out ShareLock wanted)
    {
        ulong start = message.Long(), length = message.Long();
        ShareLockOwner owner = new(message.Int(), Encoding.Latin1.GetString(message.Text()));
        // A length of zero reaches to the end of the file, wherever that will be.
        ulong end = length == 0 || length - 1 > ulong.MaxValue - start ? ulong.MaxValue : start + length - 1;
        wanted = new ShareLock(owner, fid.Number, type == Exclusive, start, end);
        return type > Unlock || owner.Client.Length > HostEntry.MaxName ? Errno.EINVAL : fid.File is null ? Errno.EBADF : 0;
    }
}
