using System.Net;
using System.Net.Sockets;
using Doppel.Devices.Backends.Net.User;
using Doppel.Devices.Backends.Net.User.Policy;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>What programs in a guest see of sockets, with the host's kernel as the guest's.</summary>
public sealed class KernelSocketTests
{
    private static readonly IPAddress s_host = IPAddress.Parse("10.0.2.2");
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Connect_NobodyListens_IsRefused()
    {
        using Network network = new(new UserNetworkOptions());
        Assert.Equal(SocketError.ConnectionRefused, await ConnectAsync(network, new(s_host, FreePort())));
    }

    [Fact]
    public async Task Connect_AddressThatIsNeverRouted_IsUnreachable()
    {
        using Network network = new(new UserNetworkOptions());
        Assert.Equal(SocketError.HostUnreachable, await ConnectAsync(network, new(IPAddress.Parse("240.0.0.1"), 80)));
    }

    [Fact]
    public async Task Connect_Restricted_IsProhibited()
    {
        using PatternServer server = new();
        using Network network = new(new UserNetworkOptions { Restrict = true });
        Assert.Equal(SocketError.HostUnreachable, await ConnectAsync(network, new(s_host, server.Port)));
    }

    [Fact]
    public async Task Connect_AllowList_LetsOnlyThroughWhatItNames()
    {
        using PatternServer allowed = new(), other = new();
        Assert.True(EgressRule.TryParse($"10.0.2.2:{allowed.Port}", out EgressRule? rule, out _));
        using Network network = new(new UserNetworkOptions { Allow = [rule] });
        Assert.Equal(SocketError.Success, await ConnectAsync(network, new(s_host, allowed.Port)));
        Assert.Equal(SocketError.HostUnreachable, await ConnectAsync(network, new(s_host, other.Port)));
        Assert.Equal(SocketError.HostUnreachable, await ConnectAsync(network, new(IPAddress.Parse("192.0.2.1"), 80)));
    }

    [Fact]
    public async Task Reset_OfTheServer_ReachesTheGuest()
    {
        using TcpListener listener = Listen();
        using Network network = new(new UserNetworkOptions());
        using Socket guest = network.Open();
        await guest.ConnectAsync(new IPEndPoint(s_host, Port(listener)));
        Socket server = await listener.AcceptSocketAsync();
        server.LingerState = new LingerOption(true, 0);
        server.Dispose();
        SocketException e = await Assert.ThrowsAsync<SocketException>(async () => await guest.ReceiveAsync(new byte[1]).WaitAsync(s_patience));
        Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
    }

    [Fact]
    public async Task Reset_OfTheGuest_ReachesTheServer()
    {
        using TcpListener listener = Listen();
        using Network network = new(new UserNetworkOptions());
        Socket guest = network.Open();
        await guest.ConnectAsync(new IPEndPoint(s_host, Port(listener)));
        using Socket server = await listener.AcceptSocketAsync();
        guest.LingerState = new LingerOption(true, 0);
        guest.Dispose();
        SocketException e = await Assert.ThrowsAsync<SocketException>(async () => await server.ReceiveAsync(new byte[1]).WaitAsync(s_patience));
        Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task HalfClose_OneSide_LeavesTheOtherOpen(bool guestFirst)
    {
        using TcpListener listener = Listen();
        using Network network = new(new UserNetworkOptions());
        using Socket guest = network.Open();
        await guest.ConnectAsync(new IPEndPoint(s_host, Port(listener)));
        using Socket server = await listener.AcceptSocketAsync();
        (Socket first, Socket second) = guestFirst ? (guest, server) : (server, guest);
        first.Shutdown(SocketShutdown.Send);
        byte[] buffer = new byte[10];
        Assert.Equal(0, await second.ReceiveAsync(buffer).WaitAsync(s_patience));
        await second.SendAsync("still"u8.ToArray());
        Assert.Equal(5, await first.ReceiveAsync(buffer).WaitAsync(s_patience));
        second.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, await first.ReceiveAsync(buffer).WaitAsync(s_patience));
    }

    [Fact]
    public async Task UrgentByte_OfTheServer_StaysInItsPlace()
    {
        using TcpListener listener = Listen();
        using Network network = new(new UserNetworkOptions());
        using Socket guest = network.Open();
        await guest.ConnectAsync(new IPEndPoint(s_host, Port(listener)));
        using Socket server = await listener.AcceptSocketAsync();
        server.Send("ab"u8);
        server.Send("c"u8, SocketFlags.OutOfBand);
        server.Send("de"u8);
        server.Shutdown(SocketShutdown.Send);
        using NetworkStream stream = new(guest);
        using StreamReader reader = new(stream);
        Assert.Equal("abcde", await reader.ReadToEndAsync().WaitAsync(s_patience));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1472)]
    [InlineData(9000)]
    [InlineData(65507)]
    public async Task Datagram_ThereAndBack_IsTheSame(int length)
    {
        using Socket server = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using Network network = new(new UserNetworkOptions());
        using Socket guest = network.Open(type: SocketType.Dgram);
        await guest.ConnectAsync(new IPEndPoint(s_host, Port(server)));
        byte[] sent = new byte[length], received = new byte[65536];
        new Random(length).NextBytes(sent);
        await guest.SendAsync(sent);
        SocketReceiveFromResult at = await server.ReceiveFromAsync(received, new IPEndPoint(IPAddress.Any, 0)).WaitAsync(s_patience);
        Assert.Equal(sent, received.AsSpan(0, at.ReceivedBytes).ToArray());
        await server.SendToAsync(received.AsMemory(0, at.ReceivedBytes), at.RemoteEndPoint);
        Assert.Equal(length, await guest.ReceiveAsync(received).WaitAsync(s_patience));
        Assert.Equal(sent, received.AsSpan(0, length).ToArray());
    }

    [Fact]
    public async Task Datagram_ToAClosedPort_IsRefused()
    {
        using Network network = new(new UserNetworkOptions());
        using Socket guest = network.Open(type: SocketType.Dgram);
        await guest.ConnectAsync(new IPEndPoint(s_host, FreePort()));
        await guest.SendAsync("x"u8.ToArray());
        SocketException e = await Assert.ThrowsAsync<SocketException>(async () => await guest.ReceiveAsync(new byte[1]).WaitAsync(s_patience));
        Assert.Equal(SocketError.ConnectionRefused, e.SocketErrorCode);
    }

    [Fact]
    public async Task PublishedTcp_ClientOfTheHost_ReachesTheGuest()
    {
        Assert.True(PublishedPort.TryParse("127.0.0.1:0:8080", out PublishedPort? port, out _));
        using Network network = new(new UserNetworkOptions { Publishes = [port] });
        using Socket listener = network.Open();
        listener.Bind(new IPEndPoint(IPAddress.Any, 8080));
        listener.Listen();
        using Socket client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, network.Backend.Published[0].HostPort));
        using Socket guest = await listener.AcceptAsync().WaitAsync(s_patience);
        Assert.Equal(s_host, ((IPEndPoint)guest.RemoteEndPoint!).Address);
        Task send = PatternServer.SendAsync(client, 3, 10_000_000).ContinueWith(_ => client.Shutdown(SocketShutdown.Send), TaskScheduler.Default);
        Assert.Equal("", await PatternServer.CheckAsync(guest, 3, 10_000_000).WaitAsync(s_patience));
        await send;
    }

    [Theory]
    [InlineData("127.0.0.1:0:8080")]
    [InlineData("[::1]:0:8080")]
    public async Task PublishedTcp_WhileTheNetworkRuns_OpensAndCloses(string text)
    {
        Assert.True(PublishedPort.TryParse(text, out PublishedPort? port, out _));
        using Network network = new(new UserNetworkOptions());
        using Socket listener = network.Open();
        listener.Bind(new IPEndPoint(IPAddress.Any, 8080));
        listener.Listen();
        PublishedPort opened = network.Backend.Publish(port);
        Assert.Equal(opened, Assert.Single(network.Backend.Published));
        IPEndPoint place = new(port.HostAddress, opened.HostPort);
        using Socket client = new(place.AddressFamily, SocketType.Stream, ProtocolType.Tcp), late = new(place.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(place);
        using Socket guest = await listener.AcceptAsync().WaitAsync(s_patience);

        Assert.True(network.Backend.Unpublish(opened));

        Assert.Empty(network.Backend.Published);
        Assert.False(network.Backend.Unpublish(opened));
        SocketException e = await Assert.ThrowsAsync<SocketException>(async () => await late.ConnectAsync(place));
        Assert.Equal(SocketError.ConnectionRefused, e.SocketErrorCode);
        await client.SendAsync("still"u8.ToArray());
        Assert.Equal(5, await guest.ReceiveAsync(new byte[10]).WaitAsync(s_patience));
    }

    [Fact]
    public async Task PublishedUdp_WhileTheNetworkRuns_ClosesWithItsClients()
    {
        Assert.True(PublishedPort.TryParse("0:5353/udp", out PublishedPort? port, out _));
        using Network network = new(new UserNetworkOptions());
        using Socket guest = network.Open(type: SocketType.Dgram);
        guest.Bind(new IPEndPoint(IPAddress.Any, 5353));
        PublishedPort opened = network.Backend.Publish(port);
        Task<string> asked = AskAsync(opened.HostPort, "first");
        SocketReceiveFromResult at = await guest.ReceiveFromAsync(new byte[10], new IPEndPoint(IPAddress.Any, 0)).WaitAsync(s_patience);
        await guest.SendToAsync("again"u8.ToArray(), at.RemoteEndPoint);
        Assert.Equal("again", await asked);
        Assert.True(network.Backend.Unpublish(opened));
        // The same port is free again, and its old client is forgotten.
        Assert.Equal(opened, network.Backend.Publish(opened));
        asked = AskAsync(opened.HostPort, "more");
        at = await guest.ReceiveFromAsync(new byte[10], new IPEndPoint(IPAddress.Any, 0)).WaitAsync(s_patience);
        await guest.SendToAsync("and more"u8.ToArray(), at.RemoteEndPoint);
        Assert.Equal("and more", await asked);
    }

    [Fact]
    public void Publish_AfterTheEnd_IsRefused()
    {
        Assert.True(PublishedPort.TryParse("0:80", out PublishedPort? port, out _));
        Network network = new(new UserNetworkOptions());
        network.Dispose();
        Assert.ThrowsAny<IOException>(() => network.Backend.Publish(port));
    }

    [Fact]
    public async Task PublishedTcp_NobodyListensInTheGuest_ClientIsReset()
    {
        Assert.True(PublishedPort.TryParse("127.0.0.1:0:8080", out PublishedPort? port, out _));
        using Network network = new(new UserNetworkOptions { Publishes = [port] });
        using Socket client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        // The reset may come before the client's side knows that it was accepted.
        SocketException e = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, network.Backend.Published[0].HostPort));
            await client.ReceiveAsync(new byte[1]).WaitAsync(s_patience);
        });
        Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
    }

    [Fact]
    public async Task PublishedUdp_ManyClients_EachGetsItsAnswer()
    {
        Assert.True(PublishedPort.TryParse("127.0.0.1:0:5353/udp", out PublishedPort? port, out _));
        using Network network = new(new UserNetworkOptions { Publishes = [port] });
        using Socket guest = network.Open(type: SocketType.Dgram);
        guest.Bind(new IPEndPoint(IPAddress.Any, 5353));
        Task serve = Task.Run(async () =>
        {
            byte[] buffer = new byte[100];
            for (int i = 0; i < 20; i++)
            {
                SocketReceiveFromResult at = await guest.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
                await guest.SendToAsync(buffer.AsMemory(0, at.ReceivedBytes), at.RemoteEndPoint);
            }
        });
        string[] answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => AskAsync(network.Backend.Published[0].HostPort, $"client {i}")));
        await serve.WaitAsync(s_patience);
        Assert.Equal(Enumerable.Range(0, 20).Select(static i => $"client {i}"), answers);
    }

    [Fact]
    public void Publish_PortInUse_SaysWhatToDo()
    {
        using TcpListener listener = Listen();
        using Doppel.Core.Time.RealTime time = new();
        Assert.True(PublishedPort.TryParse($"{Port(listener)}:80", out PublishedPort? port, out _));
        IOException e = Assert.ThrowsAny<IOException>(() => new UserNetworkBackend(new UserNetworkOptions { Publishes = [port] }, time));
        Assert.Contains($"another program uses port {Port(listener)}", e.Message, StringComparison.Ordinal);
        Assert.Contains("--publish", e.Message, StringComparison.Ordinal);
    }

    private static async Task<string> AskAsync(int port, string text)
    {
        using Socket client = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        await client.SendAsync(System.Text.Encoding.ASCII.GetBytes(text));
        byte[] buffer = new byte[100];
        return System.Text.Encoding.ASCII.GetString(buffer, 0, await client.ReceiveAsync(buffer).WaitAsync(s_patience));
    }

    private static async Task<SocketError> ConnectAsync(Network network, IPEndPoint to)
    {
        using Socket socket = network.Open();
        try
        {
            await socket.ConnectAsync(to).WaitAsync(s_patience);
            return SocketError.Success;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode;
        }
    }

    private static TcpListener Listen()
    {
        TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return listener;
    }

    private static int Port(TcpListener listener) => ((IPEndPoint)listener.LocalEndpoint).Port;

    private static int Port(Socket socket) => ((IPEndPoint)socket.LocalEndPoint!).Port;

    private static int FreePort()
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return Port(socket);
    }
}
