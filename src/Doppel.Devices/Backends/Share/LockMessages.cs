using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>Messages about locks of byte ranges. Thread contract: stateless.</summary>
internal static class LockMessages
{
    private const byte Shared = 0, Exclusive = 1, Unlock = 2;
    private const byte Success = 0, Blocked = 1;

    // A process on the host has no number in the guest.
    private const uint NoProcess = 0;

    // A guest that wants to wait asks again, so nothing waits here.
    internal static int Lock(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        byte type = message.Byte();
        message.Int();
        int error = Read(fid, type, ref message, out ShareLock wanted);
        if (error != 0) return error;
        error = type == Unlock ? session.Locks.GiveUp(fid, wanted) : session.Locks.Take(fid, wanted);
        if (error is not (0 or Errno.EAGAIN)) return error;
        reply.Byte(error == 0 ? Success : Blocked);
        return 0;
    }

    internal static int GetLock(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        byte type = message.Byte();
        int error = Read(fid, type, ref message, out ShareLock wanted);
        if (error != 0) return error;
        // A file system that has no locks has none that stand against this one.
        _ = session.Locks.FindConflict(fid, wanted, out HostLock? held);
        HostLock told = held ?? wanted.ToHost();
        reply.Byte(held is null ? Unlock : told.IsExclusive ? Exclusive : Shared);
        reply.Long((ulong)told.Start);
        reply.Long((ulong)told.Length);
        reply.Int(held is null ? wanted.Process : NoProcess);
        reply.Text([]);
        return 0;
    }

    private static int Read(ShareFid fid, byte type, ref ShareReader message, out ShareLock wanted)
    {
        ulong start = message.Long(), length = message.Long();
        uint process = message.Int();
        // A length of zero reaches to the end of the file, wherever that will be.
        ulong end = length == 0 || length - 1 > ulong.MaxValue - start ? ulong.MaxValue : start + length - 1;
        wanted = new ShareLock(fid.Number, process, type == Exclusive, start, end);
        return type > Unlock || start > long.MaxValue ? Errno.EINVAL : fid.File is null ? Errno.EBADF : 0;
    }
}
