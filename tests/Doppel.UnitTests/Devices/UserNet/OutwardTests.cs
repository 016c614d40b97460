using System.Net;
using System.Net.Sockets;
using Doppel.Devices.Backends.Net.User;
using Doppel.Devices.Backends.Net.User.Policy;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>
/// Guests that reach beyond the host. A network namespace stands for the host, addresses of its loopback for the world, and another one, with
/// its kernel, for the guest.
/// </summary>
public sealed class OutwardTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private readonly NetworkNamespace _host = NetworkNamespace.CreateWorld();

    public void Dispose() => _host.Dispose();

    [Theory]
    [InlineData("192.0.2.1")]
    [InlineData("2001:db8::1")]
    public async Task TcpAndUdp_ToTheWorld_CarryBothWays(string text)
    {
        IPAddress world = IPAddress.Parse(text);
        using PatternServer server = _host.Run(() => new PatternServer(world));
        using Socket datagrams = _host.Run(() => new Socket(world.AddressFamily, SocketType.Dgram, ProtocolType.Udp));
        datagrams.Bind(new IPEndPoint(world, 0));
        using Network network = _host.Run(() => new Network(new UserNetworkOptions()));
        network.WaitForAddress(world.AddressFamily);
        Assert.Equal("", await network.DownloadAsync(new(world, server.Port), 5, 100_000).WaitAsync(s_patience));
        Assert.Equal("", await network.UploadAsync(new(world, server.Port), 100_000).WaitAsync(s_patience));
        using Socket guest = network.Open(world.AddressFamily, SocketType.Dgram);
        await guest.ConnectAsync(datagrams.LocalEndPoint!);
        await guest.SendAsync("ping"u8.ToArray());
        byte[] buffer = new byte[10];
        SocketReceiveFromResult at = await datagrams.ReceiveFromAsync(buffer, datagrams.LocalEndPoint!).WaitAsync(s_patience);
        await datagrams.SendToAsync(buffer.AsMemory(0, at.ReceivedBytes), at.RemoteEndPoint);
        Assert.Equal(4, await guest.ReceiveAsync(buffer).WaitAsync(s_patience));
    }

    [Fact]
    public async Task AllowList_OfIpv6_LeavesIpv4AndOtherPortsClosed()
    {
        using PatternServer server4 = _host.Run(() => new PatternServer(IPAddress.Parse("192.0.2.1")));
        using PatternServer server6 = _host.Run(() => new PatternServer(IPAddress.Parse("2001:db8::1")));
        using PatternServer other6 = _host.Run(() => new PatternServer(IPAddress.Parse("2001:db8::1")));
        Assert.True(EgressRule.TryParse($"[2001:db8::/32]:{server6.Port}", out EgressRule? rule, out _));
        using Network network = _host.Run(() => new Network(new UserNetworkOptions { Allow = [rule] }));
        network.WaitForAddress(AddressFamily.InterNetworkV6);
        Assert.Equal(SocketError.Success, await ConnectAsync(network, new(IPAddress.Parse("2001:db8::1"), server6.Port)));
        // The kernel calls a prohibition by other names for IPv6.
        Assert.Equal(SocketError.AccessDenied, await ConnectAsync(network, new(IPAddress.Parse("2001:db8::1"), other6.Port)));
        Assert.Equal(SocketError.HostUnreachable, await ConnectAsync(network, new(IPAddress.Parse("192.0.2.1"), server4.Port)));
    }

    private static async Task<SocketError> ConnectAsync(Network network, IPEndPoint to)
    {
        using Socket socket = network.Open(to.AddressFamily);
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
}
