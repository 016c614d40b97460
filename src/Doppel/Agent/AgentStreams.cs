using System.Threading.Channels;
using Doppel.Host;

namespace Doppel.Agent;

/// <summary>
/// What the guest sends on one stream of a channel, as far as it was granted: a guest that sends more ends the stream with an error.
/// Thread contract: <see cref="Add"/> and <see cref="End"/> on the connection's task, the rest one reader.
/// </summary>
internal sealed class AgentReadStream(AgentConnection connection, byte stream) : ByteStream
{
    private readonly CreditGrants _grants = new(connection, stream, AgentFrame.Window / 4);
    private readonly Channel<byte[]> _pieces = Channel.CreateUnbounded<byte[]>(new() { SingleReader = true, SingleWriter = true });
    private ReadOnlyMemory<byte> _rest;
    private long _waiting;
    private bool _ended;

    /// <summary>The channel, set before the request is sent.</summary>
    internal uint Id
    {
        set => _grants.Id = value;
    }

    public override bool CanRead => true;

    public override bool CanWrite => false;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty) return 0;
        while (_rest.IsEmpty)
        {
            if (!await _pieces.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false)) return 0;
            if (_pieces.Reader.TryRead(out byte[]? piece)) _rest = piece;
        }
        int count = Math.Min(buffer.Length, _rest.Length);
        _rest[..count].CopyTo(buffer);
        _rest = _rest[count..];
        Interlocked.Add(ref _waiting, -count);
        if (!_ended) _grants.Add(count);
        return count;
    }

    public override int Read(Span<byte> buffer)
    {
        byte[] bytes = new byte[buffer.Length];
        int count = ReadAsync(bytes, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        bytes.AsSpan(0, count).CopyTo(buffer);
        return count;
    }

    internal void Add(ReadOnlySpan<byte> bytes)
    {
        // One window, and what was granted again while it was under way.
        bool isAllowed = Interlocked.Add(ref _waiting, bytes.Length) <= 2 * AgentFrame.Window;
        if (isAllowed) _pieces.Writer.TryWrite(bytes.ToArray());
        else End(new GuestAgentException("The guest's agent sent more than it was allowed to."));
    }

    internal void End(Exception? reason)
    {
        _ended = true;
        _pieces.Writer.TryComplete(reason);
    }
}

/// <summary>
/// What the host sends on the input stream of a channel; writes wait until the guest takes more. Closing it ends the input.
/// Thread contract: one writer; <see cref="Grant"/> and <see cref="Fail"/> on the connection's task.
/// </summary>
internal sealed class AgentWriteStream(AgentConnection connection) : ByteStream
{
    private const int Piece = 32 << 10;

    private readonly Lock _gate = new();
    private TaskCompletionSource? _more;
    private Exception? _failure;
    private long _credit = AgentFrame.Window;
    private int _ended;

    /// <summary>The channel, set before the request is sent.</summary>
    internal uint Id { get; set; }

    public override bool CanRead => false;

    public override bool CanWrite => true;

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        SendAsync(AgentFrameType.Data, buffer, Piece, cancellationToken);

    public override void Write(ReadOnlySpan<byte> buffer) => WriteAsync(buffer.ToArray(), CancellationToken.None).AsTask().GetAwaiter().GetResult();

    /// <summary>Sends bytes in frames of a type, as the guest has room for them.</summary>
    /// <param name="type">Data or entry.</param>
    /// <param name="buffer">The bytes.</param>
    /// <param name="piece">Most bytes of one frame.</param>
    /// <param name="cancellationToken">Ends the wait for room.</param>
    /// <exception cref="IOException">The guest takes no more.</exception>
    internal async ValueTask SendAsync(AgentFrameType type, ReadOnlyMemory<byte> buffer, int piece, CancellationToken cancellationToken)
    {
        while (!buffer.IsEmpty)
        {
            int room = await TakeCreditAsync(Math.Min(buffer.Length, piece), whole: type == AgentFrameType.Entry, cancellationToken).ConfigureAwait(false);
            await connection.SendAsync(Id, type, AgentFrame.StandardInput, buffer[..room], cancellationToken).ConfigureAwait(false);
            buffer = buffer[room..];
        }
    }

    internal void Grant(uint count)
    {
        TaskCompletionSource? more;
        lock (_gate)
        {
            _credit += count;
            more = _more;
            _more = null;
        }
        more?.SetResult();
    }

    /// <summary>Nothing is taken any more: writes fail.</summary>
    internal void Fail(Exception reason)
    {
        TaskCompletionSource? more;
        lock (_gate)
        {
            _failure ??= reason;
            more = _more;
            _more = null;
        }
        more?.SetResult();
    }

    /// <summary>Ends the input after what was written.</summary>
    internal void Complete()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 0) connection.Post(Id, AgentFrameType.End, AgentFrame.StandardInput, default);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) Complete();
        base.Dispose(disposing);
    }

    private async ValueTask<int> TakeCreditAsync(int wanted, bool whole, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task more;
            lock (_gate)
            {
                if (_failure is not null) throw new IOException(_failure.Message, _failure);
                ObjectDisposedException.ThrowIf(_ended != 0, this);
                int room = (int)Math.Min(wanted, _credit);
                if (whole ? room == wanted : room > 0)
                {
                    _credit -= room;
                    return room;
                }
                _more ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                more = _more.Task;
            }
            await more.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
