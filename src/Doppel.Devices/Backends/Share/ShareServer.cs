using System.Buffers.Binary;
using Doppel.Host;
using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>Where the bulk of a write comes from and that of a read goes to, so that it is not copied on its way.</summary>
public interface IShareBulk
{
    /// <summary>Bytes that follow the head of a write.</summary>
    uint SourceLength { get; }

    /// <summary>Bytes of room behind the head of a read's reply.</summary>
    uint TargetLength { get; }

    /// <summary>Gives the first bytes that follow the head of a write; no more than <see cref="SourceLength"/>.</summary>
    /// <returns>The buffers, until the next call.</returns>
    ReadOnlySpan<HostBuffer> GetSource(uint length);

    /// <summary>Gives the first bytes behind the head of a read's reply; no more than <see cref="TargetLength"/>.</summary>
    /// <returns>The buffers, until the next call.</returns>
    ReadOnlySpan<HostBuffer> GetTarget(uint length);

    /// <summary>Copies bytes that follow the head of a write.</summary>
    void CopySource(Span<byte> destination);
}

/// <summary>How long a reply is.</summary>
/// <param name="Head">Bytes in the buffer that the server was given.</param>
/// <param name="Bulk">Bytes that follow in <see cref="IShareBulk"/>.</param>
public readonly record struct ShareReply(int Head, uint Bulk);

/// <summary>What a share allows.</summary>
public sealed record ShareOptions
{
    /// <summary>True if the guest may change nothing.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>True if the guest may create device files; opening them is refused in any case.</summary>
    public bool AllowDeviceNodes { get; init; }

    /// <summary>Handles that the guest may have at a time.</summary>
    public int MaxFids { get; init; } = 1 << 16;

    /// <summary>Files that the handles may stand for or lead through at a time.</summary>
    public int MaxNodes { get; init; } = 1 << 18;

    /// <summary>Descriptors of the host that the share may hold at a time.</summary>
    public int MaxDescriptors { get; init; } = 4096;
}

/// <summary>
/// Serves a folder of the host by 9P2000.L, one message after the other. It knows nothing of how messages travel. The guest is not
/// trusted: each of its fields is checked, all it can make the host hold is bounded, and no name leads out of the folder (see <see
/// cref="HostEntry"/>). Thread contract: one thread at a time.
/// </summary>
public sealed class ShareServer : IDisposable
{
    /// <summary>Longest message either way, in bytes.</summary>
    public const int MaxMessage = 1 << 20;

    /// <summary>Shortest message that both sides must be able to take.</summary>
    public const int MinMessage = 4096;

    /// <summary>Room that every reply must have: that of an error.</summary>
    public const int ErrorLength = ShareMessage.HeaderLength + 4;

    private const uint QuickBytes = 128 << 10;

    private readonly ShareSession _session;

    /// <summary>Creates a server whose guest has not spoken yet.</summary>
    /// <param name="root">The folder; owned by the caller.</param>
    /// <param name="options">What is allowed.</param>
    public ShareServer(HostEntry root, ShareOptions options) => _session = new ShareSession(root, options);

    /// <summary>Handles that the guest has.</summary>
    public int FidCount => _session.Fids.Count;

    internal ShareSession Session => _session;

    /// <summary>Does what one message asks for.</summary>
    /// <param name="message">The message, as far as it was sent; of a write only what is in front of the data.</param>
    /// <param name="reply">Receives the reply: at least <see cref="ErrorLength"/> bytes, and no more than the guest has room for.</param>
    /// <param name="bulk">The data of reads and writes.</param>
    public ShareReply Serve(ReadOnlySpan<byte> message, Span<byte> reply, IShareBulk bulk) => Serve(message, reply, bulk, mayWait: true);

    /// <summary>
    /// As <see cref="Serve(ReadOnlySpan{byte}, Span{byte}, IShareBulk)"/>, but leaves messages alone that would wait for a disk or move
    /// much data: fsync, long reads and writes, and reads of what the host has not in memory.
    /// </summary>
    /// <returns>False if nothing was done.</returns>
    public bool TryServeQuickly(ReadOnlySpan<byte> message, Span<byte> reply, IShareBulk bulk, out ShareReply result)
    {
        result = default;
        if (message.Length >= ShareMessage.HeaderLength && (message[4] == ShareMessage.Sync || MovesMuch(message))) return false;
        result = Serve(message, reply, bulk, mayWait: false);
        return !_session.WouldWait;
    }

    /// <summary>All that the server holds for its guest.</summary>
    public ShareServerState Save() => new ShareSaver(_session).Save();

    /// <summary>Goes on for the guest of another server, of the same folder.</summary>
    public void Restore(ShareServerState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        new ShareRestorer(_session, state).Restore();
    }

    /// <summary>Back to the state before the guest first spoke.</summary>
    public void Reset() => _session.Reset();

    /// <summary>Lets go of all files.</summary>
    public void Dispose() => _session.Dispose();

    // Reads and writes have their count in the same place.
    private static bool MovesMuch(ReadOnlySpan<byte> message) =>
        message[4] is ShareMessage.Read or ShareMessage.Write && message.Length >= ShareMessage.WriteHeadLength
        && BinaryPrimitives.ReadUInt32LittleEndian(message[(ShareMessage.WriteHeadLength - 4)..]) > QuickBytes;

    private ShareReply Serve(ReadOnlySpan<byte> message, Span<byte> reply, IShareBulk bulk, bool mayWait)
    {
        _session.Begin(bulk, mayWait);
        if (message.Length < ShareMessage.HeaderLength) return Fail(reply, ushort.MaxValue, Errno.EINVAL);
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(message);
        ushort tag = BinaryPrimitives.ReadUInt16LittleEndian(message[5..]);
        byte type = message[4];
        ShareMessage? kind = ShareMessageTable.Find(type);
        if (kind is null) return Fail(reply, tag, Errno.EOPNOTSUPP);
        // What was promised must have come; of a write the data come apart.
        ulong sent = (ulong)message.Length + (type == ShareMessage.Write ? bulk.SourceLength : 0);
        if (size < ShareMessage.HeaderLength || size > sent || size > MaxMessage) return Fail(reply, tag, Errno.EINVAL);
        ReadOnlySpan<byte> fields = message[ShareMessage.HeaderLength..(int)Math.Min(size, (uint)message.Length)];
        if (!kind.Fits(fields)) return Fail(reply, tag, Errno.EINVAL);
        if (_session.MessageLimit == 0 && type != ShareMessage.Version) return Fail(reply, tag, Errno.EPROTO);
        if (kind.Changes && _session.Options.IsReadOnly) return Fail(reply, tag, Errno.EROFS);
        return Answer(kind, tag, new ShareReader(fields), reply);
    }

    private ShareReply Answer(ShareMessage kind, ushort tag, ShareReader message, Span<byte> reply)
    {
        int limit = _session.MessageLimit == 0 ? reply.Length : (int)Math.Min((uint)reply.Length, _session.MessageLimit);
        ShareWriter writer = new(reply[ShareMessage.HeaderLength..limit]);
        _session.BulkRoom = (uint)Math.Max(0, limit - ShareMessage.ReadReplyHeadLength);
        int error = kind.Handler(_session, ref message, ref writer);
        if (error == 0 && writer.IsFull) error = Errno.EMSGSIZE;
        return error != 0 ? Fail(reply, tag, error)
            : Finish(reply, (byte)(kind.Type + 1), tag, new ShareReply(writer.Length, _session.BulkDone));
    }

    private static ShareReply Fail(Span<byte> reply, ushort tag, int error)
    {
        BinaryPrimitives.WriteInt32LittleEndian(reply[ShareMessage.HeaderLength..], error);
        return Finish(reply, ShareMessage.Error, tag, new ShareReply(4, 0));
    }

    private static ShareReply Finish(Span<byte> reply, byte type, ushort tag, ShareReply fields)
    {
        int head = ShareMessage.HeaderLength + fields.Head;
        BinaryPrimitives.WriteUInt32LittleEndian(reply, (uint)head + fields.Bulk);
        reply[4] = type;
        BinaryPrimitives.WriteUInt16LittleEndian(reply[5..], tag);
        return new ShareReply(head, fields.Bulk);
    }
}
