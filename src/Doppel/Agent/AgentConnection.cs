using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;

namespace Doppel.Agent;

/// <summary>What takes the frames of one channel. Called on the connection's reading task, one at a time; it must not block.</summary>
internal interface IAgentSink
{
    /// <summary>A frame has come; the payload is valid during the call. A result is the last one.</summary>
    void OnFrame(AgentFrameType type, byte stream, ReadOnlySpan<byte> payload);

    /// <summary>The connection has ended before the result.</summary>
    void OnLost(Exception reason);
}

/// <summary>
/// One connection with a guest's agent: requests side by side, each on a channel of its own. What the agent sends is never trusted: a frame
/// that is not valid ends the connection, one for a channel that is gone is dropped. Thread contract: all members from any thread.
/// </summary>
internal sealed class AgentConnection : IAsyncDisposable
{
    private readonly Stream _stream;
    private readonly SemaphoreSlim _sending = new(1);
    private readonly ConcurrentDictionary<uint, IAgentSink> _channels = new();
    private readonly TaskCompletionSource<Exception> _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private uint _nextChannel;

    private AgentConnection(Stream stream) => _stream = stream;

    /// <summary>Ends, with the reason, when the connection has.</summary>
    internal Task<Exception> Lost => _lost.Task;

    /// <summary>Waits for the agent's greeting.</summary>
    /// <param name="stream">A stream whose other end is an agent's; owned by the connection from now on.</param>
    /// <param name="cancellationToken">Gives up, and closes the stream.</param>
    /// <exception cref="GuestAgentException">What is there is no agent, or one of another version.</exception>
    internal static async Task<AgentConnection> OpenAsync(Stream stream, CancellationToken cancellationToken)
    {
        try
        {
            byte[] hello = new byte[AgentFrame.HeaderLength + 12];
            await stream.ReadExactlyAsync(hello, cancellationToken).ConfigureAwait(false);
            AgentFrame frame = AgentFrame.Read(hello);
            uint magic = BinaryPrimitives.ReadUInt32LittleEndian(hello.AsSpan(AgentFrame.HeaderLength));
            uint version = BinaryPrimitives.ReadUInt32LittleEndian(hello.AsSpan(AgentFrame.HeaderLength + 4));
            if (frame is not { Type: AgentFrameType.Hello, Length: 12 } || magic != AgentFrame.Magic)
                throw new GuestAgentException("What answers in the guest is not Doppel's agent.");
            if (version != AgentFrame.Version)
            {
                throw new GuestAgentException($"The guest's agent speaks version {version} of the protocol, and this Doppel version {AgentFrame.Version}; "
                    + "pull the image again.");
            }
        }
        catch (EndOfStreamException e)
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw new GuestAgentException("The guest's agent hung up.", e);
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
        AgentConnection connection = new(stream);
        _ = Task.Run(connection.ReadAllAsync, CancellationToken.None);
        return connection;
    }

    /// <summary>The greeting of an agent, as bytes.</summary>
    internal static byte[] Hello()
    {
        byte[] hello = new byte[AgentFrame.HeaderLength + 12];
        new AgentFrame(12, 0, AgentFrameType.Hello, 0).Write(hello);
        BinaryPrimitives.WriteUInt32LittleEndian(hello.AsSpan(AgentFrame.HeaderLength), AgentFrame.Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(hello.AsSpan(AgentFrame.HeaderLength + 4), AgentFrame.Version);
        BinaryPrimitives.WriteUInt32LittleEndian(hello.AsSpan(AgentFrame.HeaderLength + 8), AgentFrame.Window);
        return hello;
    }

    /// <summary>Takes a channel for a request.</summary>
    internal uint Open(IAgentSink sink)
    {
        uint channel;
        do channel = Interlocked.Increment(ref _nextChannel);
        while (channel == 0 || !_channels.TryAdd(channel, sink));
        if (_lost.Task.IsCompletedSuccessfully && _channels.TryRemove(channel, out _)) sink.OnLost(_lost.Task.Result);
        return channel;
    }

    /// <summary>Gives a channel up: what still comes for it is dropped.</summary>
    internal void Forget(uint channel) => _channels.TryRemove(channel, out _);

    /// <summary>Sends a frame. It is sent whole or not at all: who gives up while it is on its way does not wait for it any more.</summary>
    /// <exception cref="GuestAgentException">The connection has ended.</exception>
    /// <exception cref="OperationCanceledException">The agent takes nothing, and the wait for that was given up.</exception>
    internal async ValueTask SendAsync(
        uint channel, AgentFrameType type, byte stream, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        int length = AgentFrame.HeaderLength + payload.Length;
        byte[] bytes = ArrayPool<byte>.Shared.Rent(length);
        new AgentFrame((uint)payload.Length, channel, type, stream).Write(bytes);
        payload.CopyTo(bytes.AsMemory(AgentFrame.HeaderLength));
        Task written = WriteAsync(bytes, length);
        if (written.IsCompletedSuccessfully || !cancellationToken.CanBeCanceled) await written.ConfigureAwait(false);
        else await written.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    // Gives the turn and the buffer back when the stream has taken all of it.
    private async Task WriteAsync(byte[] bytes, int length)
    {
        try
        {
            await _stream.WriteAsync(bytes.AsMemory(0, length)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            throw new GuestAgentException("The connection with the guest's agent is lost.", e);
        }
        finally
        {
            _sending.Release();
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    /// <summary>Sends a frame whose failure the channel's sink hears of anyway.</summary>
    internal void Post(uint channel, AgentFrameType type, byte stream, ReadOnlyMemory<byte> payload) => _ = PostAsync(channel, type, stream, payload);

    /// <summary>Ends the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync().ConfigureAwait(false);
        await _lost.Task.ConfigureAwait(false);
    }

    /// <summary>As <see cref="Post"/>; ends when the frame is sent, or the connection lost.</summary>
    internal async Task PostAsync(uint channel, AgentFrameType type, byte stream, ReadOnlyMemory<byte> payload)
    {
        try
        {
            await SendAsync(channel, type, stream, payload).ConfigureAwait(false);
        }
        catch (GuestAgentException)
        {
            // Lost: the reading task tells everybody.
        }
    }

    private async Task ReadAllAsync()
    {
        Exception reason = new GuestAgentException("The guest's agent hung up.");
        byte[] buffer = new byte[2 * (AgentFrame.HeaderLength + AgentFrame.MaxPayload)];
        try
        {
            int have = 0;
            for (int count; (count = await _stream.ReadAsync(buffer.AsMemory(have)).ConfigureAwait(false)) > 0;)
            {
                have += count;
                int used = Dispatch(buffer.AsSpan(0, have));
                buffer.AsSpan(used, have - used).CopyTo(buffer);
                have -= used;
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or GuestAgentException)
        {
            reason = e as GuestAgentException ?? new GuestAgentException("The connection with the guest's agent is lost.", e);
        }
        _lost.SetResult(reason);
        await _stream.DisposeAsync().ConfigureAwait(false);
        foreach (uint channel in _channels.Keys)
        {
            if (_channels.TryRemove(channel, out IAgentSink? sink)) sink.OnLost(reason);
        }
    }

    private int Dispatch(ReadOnlySpan<byte> bytes)
    {
        int used = 0;
        while (bytes.Length - used >= AgentFrame.HeaderLength)
        {
            AgentFrame frame = AgentFrame.Read(bytes[used..]);
            if (frame.Length > AgentFrame.MaxPayload) throw new GuestAgentException("The guest's agent sent a frame that is too long.");
            int end = used + AgentFrame.HeaderLength + (int)frame.Length;
            if (end > bytes.Length) break;
            Deliver(frame, bytes[(used + AgentFrame.HeaderLength)..end]);
            used = end;
        }
        return used;
    }

    private void Deliver(in AgentFrame frame, ReadOnlySpan<byte> payload)
    {
        bool isLast = frame.Type == AgentFrameType.Result;
        bool known = isLast ? _channels.TryRemove(frame.Channel, out IAgentSink? sink) : _channels.TryGetValue(frame.Channel, out sink);
        if (known) sink!.OnFrame(frame.Type, frame.Stream, payload);
    }
}
