using System.Buffers.Binary;
using System.Threading.Channels;

namespace Doppel.Agent;

/// <summary>
/// Serves one client's requests through a connection that others use too: the client's channels get numbers of their own on the way. What is
/// under way for a client that does not read is bounded by the windows that it granted itself, and by a limit where the guest does not keep to
/// them. Thread contract: one owner.
/// </summary>
internal sealed class AgentRelay(AgentConnection connection, Stream client)
{
    private const int HangUp = 1;
    private const int MostChannels = 256;
    private const long MostWaiting = 64 << 20;
    private const int TooManyRequests = 11;

    private readonly Channel<byte[]> _toClient = Channel.CreateUnbounded<byte[]>(new() { SingleReader = true });
    private readonly Dictionary<uint, Route> _routes = [];
    private readonly Lock _gate = new();
    private long _waiting;

    /// <summary>Serves until the client or the agent is gone.</summary>
    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        _toClient.Writer.TryWrite(AgentConnection.Hello());
        Task writing = WriteAllAsync();
        try
        {
            await ReadAllAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or GuestAgentException)
        {
            // One of the ends is gone.
        }
        finally
        {
            HangUpAll();
            _toClient.Writer.TryComplete();
            await client.DisposeAsync().ConfigureAwait(false);
            await writing.ConfigureAwait(false);
        }
    }

    private async Task ReadAllAsync(CancellationToken cancellationToken)
    {
        byte[] header = new byte[AgentFrame.HeaderLength], payload = new byte[AgentFrame.MaxPayload];
        while (true)
        {
            int first = await client.ReadAsync(header, cancellationToken).ConfigureAwait(false);
            if (first == 0) return;
            await client.ReadExactlyAsync(header.AsMemory(first), cancellationToken).ConfigureAwait(false);
            AgentFrame frame = AgentFrame.Read(header);
            if (frame.Length > AgentFrame.MaxPayload) return;
            Memory<byte> body = payload.AsMemory(0, (int)frame.Length);
            await client.ReadExactlyAsync(body, cancellationToken).ConfigureAwait(false);
            if (Find(frame) is { } id) await connection.SendAsync(id, frame.Type, frame.Stream, body, cancellationToken).ConfigureAwait(false);
        }
    }

    // The channel of the connection; a request opens one. What comes late for one that is done goes nowhere.
    private uint? Find(in AgentFrame frame)
    {
        lock (_gate)
        {
            if (_routes.TryGetValue(frame.Channel, out Route? route))
            {
                if (frame.Type == AgentFrameType.Cancel) Remove(route);
                return route.Id;
            }
            bool isRequest = frame.Type is > AgentFrameType.Hello and < AgentFrameType.Data and not (AgentFrameType.Signal or AgentFrameType.Resize);
            if (isRequest && _routes.Count == MostChannels) Refuse(frame.Channel);
            if (!isRequest || _routes.Count == MostChannels) return null;
            route = new Route(this, frame.Channel);
            _routes.Add(frame.Channel, route);
            route.Id = connection.Open(route);
            return route.Id;
        }
    }

    private void HangUpAll()
    {
        Route[] left;
        lock (_gate)
        {
            left = [.. _routes.Values];
            foreach (Route route in left) Remove(route);
        }
        foreach (Route route in left) connection.Post(route.Id, AgentFrameType.Cancel, 0, new byte[] { HangUp, 0, 0, 0 });
    }

    private void Remove(Route route)
    {
        lock (_gate) _routes.Remove(route.ClientChannel);
        connection.Forget(route.Id);
    }

    private async Task WriteAllAsync()
    {
        try
        {
            await foreach (byte[] frame in _toClient.Reader.ReadAllAsync().ConfigureAwait(false))
            {
                await client.WriteAsync(frame).ConfigureAwait(false);
                Interlocked.Add(ref _waiting, -frame.Length);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The reading side notices too.
        }
        // Closing tells a client that the agent is gone; a client that is gone itself does not mind.
        await client.DisposeAsync().ConfigureAwait(false);
    }

    private void Pass(AgentFrameType type, byte stream, uint channel, ReadOnlySpan<byte> payload)
    {
        byte[] bytes = new byte[AgentFrame.HeaderLength + payload.Length];
        new AgentFrame((uint)payload.Length, channel, type, stream).Write(bytes);
        payload.CopyTo(bytes.AsSpan(AgentFrame.HeaderLength));
        // More than all windows together: the guest sends what nobody has granted, and this client does not keep up.
        if (Interlocked.Add(ref _waiting, bytes.Length) > MostWaiting) _ = client.DisposeAsync().AsTask();
        else _toClient.Writer.TryWrite(bytes);
    }

    private void Refuse(uint channel)
    {
        byte[] result = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(result, (uint)AgentResultKind.Failure);
        BinaryPrimitives.WriteInt32LittleEndian(result.AsSpan(4), TooManyRequests);
        Pass(AgentFrameType.Result, 0, channel, result);
    }

    private sealed class Route(AgentRelay relay, uint clientChannel) : IAgentSink
    {
        internal uint ClientChannel => clientChannel;

        internal uint Id { get; set; }

        public void OnFrame(AgentFrameType type, byte stream, ReadOnlySpan<byte> payload)
        {
            relay.Pass(type, stream, clientChannel, payload);
            if (type == AgentFrameType.Result) relay.Remove(this);
        }

        public void OnLost(Exception reason) => relay._toClient.Writer.TryComplete();
    }
}
