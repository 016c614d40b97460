using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Net.User;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>A user network with the kernel as its guest, and what programs in that guest do.</summary>
internal sealed class Network : IDisposable
{
    private readonly RealTime _time = new();

    internal Network(UserNetworkOptions options, bool offloads = true, NetImpairer? impairer = null)
    {
        _time.Resume();
        Backend = new UserNetworkBackend(options, _time);
        Guest = new TapGuest(Backend, offloads, impairer);
    }

    internal UserNetworkBackend Backend { get; }

    internal TapGuest Guest { get; }

    /// <summary>Waits until the guest has made its IPv6 address from the router's advertisement and found no duplicate.</summary>
    internal void WaitForAddress(AddressFamily family)
    {
        if (family == AddressFamily.InterNetworkV6) Guest.Namespace.WaitForAddress6("fec0");
    }

    /// <summary>Opens a socket in the guest.</summary>
    internal Socket Open(AddressFamily family = AddressFamily.InterNetwork, SocketType type = SocketType.Stream)
        => Guest.Namespace.Run(() => new Socket(family, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp));

    /// <summary>Connects from the guest, asks a <see cref="PatternServer"/> for bytes and checks them; "" if all is well.</summary>
    internal async Task<string> DownloadAsync(IPEndPoint server, int seed, int length)
    {
        using Socket socket = Open(server.AddressFamily);
        await socket.ConnectAsync(server);
        byte[] request = new byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(request, seed);
        BinaryPrimitives.WriteInt32LittleEndian(request.AsSpan(4), length);
        await socket.SendAsync(request);
        socket.Shutdown(SocketShutdown.Send);
        return await PatternServer.CheckAsync(socket, seed, length);
    }

    /// <summary>Connects from the guest, sends bytes, and lets the server say that it got them.</summary>
    internal async Task<string> UploadAsync(IPEndPoint server, int length)
    {
        using Socket socket = Open(server.AddressFamily);
        await socket.ConnectAsync(server);
        byte[] request = new byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(request, 7);
        BinaryPrimitives.WriteInt32LittleEndian(request.AsSpan(4), -length);
        await socket.SendAsync(request);
        await PatternServer.SendAsync(socket, 7, length);
        socket.Shutdown(SocketShutdown.Send);
        byte[] verdict = new byte[64];
        int count = await socket.ReceiveAsync(verdict);
        return count == 0 ? "no verdict" : System.Text.Encoding.ASCII.GetString(verdict.AsSpan(1, count - 1));
    }

    public void Dispose()
    {
        Guest.Dispose();
        _time.Dispose();
    }
}
