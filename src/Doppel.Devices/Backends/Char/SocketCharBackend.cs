using System.Net.Sockets;

namespace Doppel.Devices.Backends.Char;

/// <summary>
/// A Unix-domain socket that the host's programs connect to, one at a time. Without a client, output is dropped, so that a guest boots
/// alone; a client may come, go and come again. Thread contract: as <see cref="ICharBackend"/>.
/// </summary>
public sealed class SocketCharBackend : ICharBackend
{
    private readonly CharChannel _channel = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _listener;
    private readonly string _path;
    private readonly Task _server;
    private volatile bool _connected;
    private bool _disposed;

    /// <summary>Listens.</summary>
    /// <param name="path">Path of the socket. A socket that a dead process left there is replaced.</param>
    /// <exception cref="IOException">The path can not be listened on; the message says why.</exception>
    public SocketCharBackend(string path)
    {
        _path = path;
        RemoveStale(path);
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            _listener.Bind(new UnixDomainSocketEndPoint(path));
            _listener.Listen(1);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            _listener.Dispose();
            _stop.Dispose();
            throw new IOException($"Cannot listen on socket {path}: {e.Message}", e);
        }
        _server = Task.Run(ServeAsync, CancellationToken.None);
    }

    /// <inheritdoc/>
    public bool InputEnded => false;

    /// <inheritdoc/>
    public void Attach(Action inputChanged, Action roomChanged) => _channel.Attach(inputChanged, roomChanged);

    /// <inheritdoc/>
    public int Write(ReadOnlySpan<byte> data) => _connected ? _channel.Write(data) : data.Length;

    /// <inheritdoc/>
    public void WriteUnbounded(ReadOnlySpan<byte> data)
    {
        if (_connected) _channel.WriteUnbounded(data);
    }

    /// <inheritdoc/>
    public int Read(Span<byte> destination) => _channel.Read(destination);

    /// <inheritdoc/>
    public void WaitForRoom() => _channel.WaitForRoom();

    /// <inheritdoc/>
    public void SetGuestOpen(bool open)
    {
        // The client stays connected while the guest closes and opens its end.
    }

    /// <summary>Stops listening, ends the client's connection once it has all output, and removes the socket.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _channel.Dispose();
        _stop.CancelAfter(TimeSpan.FromSeconds(1));
        _listener.Dispose();
        if (!_connected) _stop.Cancel();
        _server.Wait(TimeSpan.FromSeconds(2), CancellationToken.None);
        File.Delete(_path);
        _stop.Dispose();
    }

    // Only a socket that refuses connections is stale; anything else at that path belongs to somebody.
    private static void RemoveStale(string path)
    {
        if (!File.Exists(path)) return;
        using Socket probe = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            if (IsSocket(path)) File.Delete(path);
        }
        catch (SocketException)
        {
            // Binding fails too, and then says why.
        }
    }

    // A connection to a regular file is refused as well; unlike a socket, one that matters has a length.
    private static bool IsSocket(string path) => new FileInfo(path).Length == 0;

    private async Task ServeAsync()
    {
        try
        {
            while (!_stop.IsCancellationRequested)
            {
                using Socket client = await _listener.AcceptAsync(_stop.Token).ConfigureAwait(false);
                _connected = true;
                await ServeAsync(client).ConfigureAwait(false);
                _connected = false;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The listener was closed.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using CancellationTokenSource gone = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        Task output = SendAsync(client, gone.Token);
        Task input = ReceiveAsync(client, gone.Token);
        await Task.WhenAny(output, input).ConfigureAwait(false);
        await gone.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(output, input).ConfigureAwait(false);
    }

    private async Task SendAsync(Socket client, CancellationToken cancel)
    {
        byte[] buffer = new byte[16 << 10];
        try
        {
            int count;
            while ((count = await _channel.Host.ReadAsync(buffer, cancel).ConfigureAwait(false)) != 0)
            {
                for (int sent = 0; sent < count;)
                    sent += await client.SendAsync(buffer.AsMemory(sent, count - sent), cancel).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // The client has gone.
        }
    }

    private async Task ReceiveAsync(Socket client, CancellationToken cancel)
    {
        byte[] buffer = new byte[4 << 10];
        try
        {
            int count;
            while ((count = await client.ReceiveAsync(buffer, cancel).ConfigureAwait(false)) != 0)
                await _channel.Host.WriteAsync(buffer.AsMemory(0, count), cancel).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // The client has gone.
        }
    }
}
