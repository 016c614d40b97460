using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Tcp;

/// <summary>A TCP socket of the host at the far end of a guest's connection. Thread contract: the event loop's thread.</summary>
internal sealed class HostTcpRemote : ITcpRemote, ISocketOwner
{
    private readonly StackContext _context;
    private readonly HostSocket _socket;
    private readonly TcpConnection _connection;
    private ulong _token;
    private bool _connected;
    private bool _readable;
    private bool _writable;

    private HostTcpRemote(StackContext context, HostSocket socket, TcpConnection connection, bool connected)
    {
        _context = context;
        _socket = socket;
        _connection = connection;
        _connected = connected;
        socket.SetStreamOptions();
    }

    public bool IsConnected => _connected;

    /// <summary>Starts to connect.</summary>
    internal static HostTcpRemote? TryConnect(StackContext context, IpEndpoint to, TcpConnection connection, out HostSocketError error)
    {
        HostSocket? socket = HostSocket.TryOpen(HostSocketKind.Stream, !to.Address.IsV4, out error);
        if (socket is null) return null;
        error = socket.Connect(to);
        if (error is HostSocketError.None or HostSocketError.WouldBlock)
        {
            if (TryWatch(new HostTcpRemote(context, socket, connection, connected: false)) is { } remote) return remote;
            error = HostSocketError.NoResources;
        }
        socket.Dispose();
        return null;
    }

    /// <summary>Takes a client of a published port.</summary>
    internal static HostTcpRemote? TryAdopt(StackContext context, HostSocket client, TcpConnection connection)
        => TryWatch(new HostTcpRemote(context, client, connection, connected: true));

    public void SocketReady(bool readable, bool writable)
    {
        _readable |= readable;
        _writable |= writable;
        if (_connected) _connection.RemoteReady();
        else if (writable) FinishConnect();
    }

    public int Write(ReadOnlySpan<byte> data)
    {
        int total = 0;
        while (_writable && total < data.Length)
        {
            int count = _socket.Send(data[total..], out HostSocketError error);
            if (error == HostSocketError.WouldBlock) _writable = false;
            else if (error != HostSocketError.None) return -1;
            total += count;
        }
        return total;
    }

    public void EndWrite() => _socket.ShutdownSend();

    public RemoteRead Read(Span<byte> buffer, out int count)
    {
        count = 0;
        if (!_readable) return RemoteRead.Nothing;
        count = _socket.Receive(buffer, out HostSocketError error);
        if (error == HostSocketError.WouldBlock)
        {
            _readable = false;
            return RemoteRead.Nothing;
        }
        if (error != HostSocketError.None) return RemoteRead.Broken;
        return count == 0 ? RemoteRead.End : RemoteRead.Data;
    }

    public void Close(bool reset)
    {
        _context.Sockets.Remove(_token);
        if (reset && _connected) _socket.ResetOnClose();
        _socket.Dispose();
    }

    private static HostTcpRemote? TryWatch(HostTcpRemote remote)
    {
        if (remote._context.Sockets.TryAdd(remote._socket, remote) is not { } token) return null;
        remote._token = token;
        return remote;
    }

    private void FinishConnect()
    {
        HostSocketError error = _socket.TakeError();
        if (error != HostSocketError.None)
        {
            _connection.RemoteFailed(error);
            return;
        }
        _connected = true;
        _connection.RemoteConnected();
    }
}
