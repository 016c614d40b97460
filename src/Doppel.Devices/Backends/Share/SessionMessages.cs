using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>Messages about the session and its handles. Thread contract: stateless.</summary>
internal static class SessionMessages
{
    private const int MostNames = 16;

    internal static int Version(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        uint limit = message.Int();
        bool isKnown = message.Text().SequenceEqual("9P2000.L"u8);
        // A new session: whatever the last one held is gone.
        session.Reset();
        if (limit < ShareServer.MinMessage) return Errno.EMSGSIZE;
        limit = Math.Min(limit, ShareServer.MaxMessage);
        if (isKnown) session.MessageLimit = limit;
        reply.Int(limit);
        reply.Text(isKnown ? "9P2000.L"u8 : "unknown"u8);
        return 0;
    }

    // Who can send messages may use the share.
    internal static int Authenticate(ShareSession session, ref ShareReader message, ref ShareWriter reply) => Errno.EOPNOTSUPP;

    internal static int Attach(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        uint number = message.Int(), proof = message.Int();
        message.Text();
        message.Text();
        uint uid = message.Int();
        if (proof != ShareFid.None) return Errno.EINVAL;
        int error = session.CheckNew(number);
        if (error != 0) return error;
        session.Tree.Root.References++;
        session.Add(number, session.Tree.Root, uid == uint.MaxValue ? 0 : uid);
        reply.Qid(session.Tree.Root.Qid);
        return 0;
    }

    // Messages are served in order, so the one that is to be flushed was answered already.
    internal static int Flush(ShareSession session, ref ShareReader message, ref ShareWriter reply) => 0;

    internal static int Clunk(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        if (!session.TryFind(message.Int(), out ShareFid fid)) return Errno.EBADF;
        int error = ExtendedMessages.Finish(session, fid);
        session.Remove(fid);
        return error;
    }

    internal static int Walk(ShareSession session, ref ShareReader message, ref ShareWriter reply)
    {
        uint from = message.Int(), to = message.Int();
        int count = message.Short();
        if (count > MostNames) return Errno.EINVAL;
        if (!session.TryFind(from, out ShareFid fid)) return Errno.EBADF;
        int error = from == to ? (fid.IsPlain ? 0 : Errno.EINVAL) : session.CheckNew(to);
        if (error != 0) return error;
        ShareNode node = fid.Node;
        node.References++;
        reply.Short((ushort)count);
        for (int i = 0; i < count; i++)
        {
            error = Step(session.Tree, ref node, message.Text());
            if (error != 0)
            {
                session.Tree.Release(node);
                // Some names were found: the guest learns how many, and gets no handle.
                return i == 0 ? error : Shorten(ref reply, i);
            }
            reply.Qid(node.Qid);
        }
        if (from != to)
        {
            session.Add(to, node, fid.Uid);
            return 0;
        }
        session.Tree.Release(fid.Node);
        fid.Node = node;
        return 0;
    }

    private static int Shorten(ref ShareWriter reply, int count)
    {
        reply.Shorten((ushort)count, 2 + (count * ShareQid.Size));
        return 0;
    }

    // Moves the caller's reference one name on.
    private static int Step(ShareTree tree, ref ShareNode node, ReadOnlySpan<byte> name)
    {
        if (!node.IsFolder) return Errno.ENOTDIR;
        if (ShareNames.IsHere(name)) return 0;
        ShareNode? next = ShareNames.IsParent(name) ? node.Parent ?? node : null;
        int error = next is null ? ShareNames.Check(name) : 0;
        if (error == 0 && next is null) error = tree.Walk(node, name, out next);
        else if (error == 0) next!.References++;
        if (error != 0) return error;
        tree.Release(node);
        node = next!;
        return 0;
    }
}
