using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Doppel.Devices.Virtio.Vsock;

namespace Doppel.Sockets;

/// <summary>
/// Lets programs of the host that know nothing of vsock talk to the guest, over Unix domain sockets in the convention of Firecracker's hybrid
/// vsock: who connects and sends <c>CONNECT port</c> reads <c>OK hostport</c> and is through; a guest that connects to port N of the host
/// reaches the socket at the path with <c>_N</c> behind it. Thread contract: one owner.
/// </summary>
internal sealed class VsockUnixFront : IDisposable
{
    private const int LongestLine = 32;

    private readonly string _path;
    private readonly VsockHost _host;
    private readonly Socket _listener;

    /// <summary>Listens.</summary>
    /// <exception cref="IOException">The path is in use.</exception>
    /// <exception cref="SocketException">The host refuses the socket.</exception>
    public VsockUnixFront(string path, VsockHost host)
    {
        _path = Path.GetFullPath(path);
        _host = host;
        RemoveStale(_path);
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            _listener.Bind(new UnixDomainSocketEndPoint(_path));
            _listener.Listen();
        }
        catch
        {
            _listener.Dispose();
            throw;
        }
        host.Fallback = port => File.Exists(PathOf(port)) ? stream => _ = Task.Run(() => ReachAsync(port, stream)) : null;
        _ = Task.Run(AcceptAsync);
    }

    public void Dispose()
    {
        _host.Fallback = null;
        _listener.Dispose();
        File.Delete(_path);
    }

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
            File.Delete(path);
            return;
        }
        throw new IOException("another program listens on this socket");
    }

    private string PathOf(uint port) => string.Create(CultureInfo.InvariantCulture, $"{_path}_{port}");

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptAsync().ConfigureAwait(false);
                _ = Task.Run(() => ServeAsync(client));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The machine has ended.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using NetworkStream outside = new(client, ownsSocket: true);
        try
        {
            if (await ReadPortAsync(outside).ConfigureAwait(false) is not { } port) return;
            using VsockStream guest = await _host.ConnectAsync(port).ConfigureAwait(false);
            byte[] answer = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"OK {guest.HostPort}\n"));
            await outside.WriteAsync(answer).ConfigureAwait(false);
            await JoinAsync(client, outside, guest).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // One end has gone; closing the other is all there is to do.
        }
    }

    private async Task ReachAsync(uint port, VsockStream guest)
    {
        using VsockStream owned = guest;
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(PathOf(port))).ConfigureAwait(false);
            using NetworkStream outside = new(socket, ownsSocket: false);
            await JoinAsync(socket, outside, guest).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // As above.
        }
    }

    private static async Task<uint?> ReadPortAsync(NetworkStream stream)
    {
        byte[] line = new byte[LongestLine];
        for (int length = 0; length < line.Length; length++)
        {
            if (await stream.ReadAsync(line.AsMemory(length, 1)).ConfigureAwait(false) == 0) return null;
            if (line[length] != '\n') continue;
            string[] words = Encoding.ASCII.GetString(line, 0, length).Split(' ');
            bool isPort = words is ["CONNECT", _] && uint.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out uint port) && port != 0;
            return isPort ? uint.Parse(words[1], CultureInfo.InvariantCulture) : null;
        }
        return null;
    }

    // Each direction ends by itself, as a shell's pipes do.
    private static async Task JoinAsync(Socket socket, NetworkStream outside, VsockStream guest)
    {
        Task inward = Task.Run(async () =>
        {
            await outside.CopyToAsync(guest).ConfigureAwait(false);
            guest.CompleteWrites();
        });
        await guest.CopyToAsync(outside).ConfigureAwait(false);
        socket.Shutdown(SocketShutdown.Send);
        await inward.ConfigureAwait(false);
    }
}
