using System.Net.Sockets;
using System.Text;
using Doppel.Devices.Virtio.Vsock;
using Doppel.Sockets;
using Doppel.UnitTests.Devices;
using Doppel.UnitTests.Images;

namespace Doppel.UnitTests.Machine;

/// <summary>The guest's sockets as other programs of the host see them.</summary>
public sealed class VsockFrontTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly VsockGuest _guest = new();

    public void Dispose()
    {
        _guest.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Connect_ToAGuestsPort_PassesBytesBothWays()
    {
        using VsockUnixFront front = new(_folder["vsock"], _guest.Host);
        using Socket client = Dial("vsock");
        client.Send("CONNECT 80\nearly"u8);
        VsockPacket request = await ReceiveAsync();
        Assert.Equal((80u, VsockPacket.Request), (request.GuestPort, request.Operation));
        _guest.Send(new VsockPacket(request.HostPort, 80, VsockPacket.Response));
        Assert.Equal("early"u8.ToArray(), (await ReceiveAsync()).Payload);
        _guest.Send(new VsockPacket(request.HostPort, 80, VsockPacket.Data) { Payload = "answer"u8.ToArray() });
        _guest.Send(new VsockPacket(request.HostPort, 80, VsockPacket.Shutdown, Flags: 2));
        Assert.Equal($"OK {request.HostPort}\nanswer", await ReadToEndAsync(client));
        client.Shutdown(SocketShutdown.Send);
        VsockPacket last = await ReceiveAsync();
        Assert.Equal((VsockPacket.Shutdown, 2u), (last.Operation, last.Flags & 2));
    }

    [Theory]
    [InlineData("GET / HTTP/1.0\n")]
    [InlineData("CONNECT\n")]
    [InlineData("CONNECT -1\n")]
    [InlineData("CONNECT 0\n")]
    [InlineData("CONNECT 4294967296\n")]
    [InlineData("CONNECT 1                       ")]
    public async Task Connect_WithAnotherLine_IsHungUpOn(string line)
    {
        using VsockUnixFront front = new(_folder["vsock"], _guest.Host);
        using Socket client = Dial("vsock");
        client.Send(Encoding.ASCII.GetBytes(line));
        Assert.Equal("", await ReadToEndAsync(client));
    }

    [Fact]
    public async Task Guest_CallsAPortWithASocket_ReachesIt()
    {
        using VsockUnixFront front = new(_folder["vsock"], _guest.Host);
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(_folder["vsock_52"]));
        listener.Listen();
        _guest.Send(new VsockPacket(52, 1000, VsockPacket.Request));
        _guest.Send(new VsockPacket(53, 1000, VsockPacket.Request));
        Assert.Equal([VsockPacket.Response, VsockPacket.Reset], new[] { await ReceiveAsync(), await ReceiveAsync() }.OrderBy(static p => p.HostPort).Select(static p => p.Operation));
        _guest.Send(new VsockPacket(52, 1000, VsockPacket.Data) { Payload = "knock"u8.ToArray() });
        using Socket server = await listener.AcceptAsync();
        byte[] buffer = new byte[5];
        await using NetworkStream stream = new(server);
        await stream.ReadExactlyAsync(buffer);
        Assert.Equal("knock"u8.ToArray(), buffer);
    }

    [Fact]
    public void Path_OfALiveSocket_IsNotTaken()
    {
        using VsockUnixFront front = new(_folder["vsock"], _guest.Host);
        Assert.Throws<IOException>(() => new VsockUnixFront(_folder["vsock"], new VsockHost()));
    }

    private Socket Dial(string name)
    {
        Socket client = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(new UnixDomainSocketEndPoint(_folder[name]));
        return client;
    }

    private async Task<VsockPacket> ReceiveAsync()
    {
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
        while (true)
        {
            if (_guest.Receive() is { } packet) return packet;
            await Task.Delay(5, limit.Token);
        }
    }

    private static async Task<string> ReadToEndAsync(Socket client)
    {
        await using NetworkStream stream = new(client);
        using StreamReader reader = new(stream, Encoding.ASCII);
        return await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60));
    }
}
