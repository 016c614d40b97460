using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>Guests on their networks, through the command line.</summary>
public sealed class NetworkTests
{
    [ToolFact("apt-get")]
    public async Task User_DownloadByACommandThatRunsAtOnce_ArrivesIntact()
    {
        byte[] content = RandomNumberGenerator.GetBytes(8 << 20);
        using PageServer server = new(content), server6 = new(content, IPAddress.IPv6Loopback);
        CliResult result = await DoppelCli.GuestAsync("sh", "-c", $"wget -q -O- http://10.0.2.2:{server.Port}/ | sha256sum; wget -q -O- 'http://[fec0::2]:{server6.Port}/' | sha256sum");
        string sum = Convert.ToHexStringLower(SHA256.HashData(content)) + "  -\n";
        Assert.Equal((sum + sum, ""), (result.OutputText, result.ErrorText));
    }

    [ToolFact("apt-get")]
    public async Task User_AllowList_LetsThroughWhatIsOnItOnly()
    {
        using PageServer allowed = new("yes"u8.ToArray()), other = new("no"u8.ToArray());
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync("run", "--allow", $"10.0.2.2:{allowed.Port}", "--", "sh", "-c",
            $"wget -q -O- http://10.0.2.2:{allowed.Port}/; wget -q -T 5 -O- http://10.0.2.2:{other.Port}/ 2>/dev/null || echo :refused");
        Assert.Equal("yes:refused\n", result.OutputText);
        Assert.Equal(0, other.Served);
    }

    [ToolFact("apt-get")]
    public async Task None_Machine_HasOnlyItsLoopback()
    {
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync("run", "--network", "none", "--", "ls", "/sys/class/net");
        Assert.Equal("lo\n", result.OutputText);
    }

    [ToolFact("apt-get")]
    public async Task Delay_Ping_TakesAtLeastThatLongBothWays()
    {
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync("run", "--net-delay", "30ms", "--", "ping", "-c", "2", "10.0.2.2");
        double[] times = [.. Regex.Matches(result.OutputText, @"time=([\d.]+) ms").Select(static m => double.Parse(m.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Equal(2, times.Length);
        Assert.All(times, static ms => Assert.True(ms >= 60, $"{ms} ms"));
    }

    [ToolFact("apt-get", "file")]
    public async Task Pcap_OfARun_HoldsWhatTheGuestSent()
    {
        using TemporaryFolder folder = new();
        string pcap = folder.File("frames.pcap");
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync("run", "--pcap", pcap, "--mac", "52:54:00:aa:bb:cc", "--", "ping", "-c", "1", "-p", "d0", "10.0.2.2");
        Assert.True(result.Status == 0, result.OutputText + result.ErrorText);
        Assert.Matches("pcap capture file.*nanosecond.*Ethernet", (await Tool.RunAsync("file", pcap)).Output);
        byte[] bytes = await File.ReadAllBytesAsync(pcap);
        byte[] ping = Enumerable.Repeat((byte)0xD0, 40).ToArray();
        int first = bytes.AsSpan().IndexOf(ping);
        Assert.True(first > 0 && bytes.AsSpan(first + 64).IndexOf(ping) > 0, "the request or its answer is missing");
        Assert.True(bytes.AsSpan().IndexOf((byte[])[0x52, 0x54, 0x00, 0xAA, 0xBB, 0xCC]) > 0, "the guest has another address");
    }

    [ToolFact("apt-get")]
    public async Task Network_ThatTheHostRefuses_SaysWhatToType()
    {
        using TemporaryFolder folder = new();
        await DoppelCli.EnsureImageAsync();
        CliResult socket = await DoppelCli.RunAsync("run", "--network", $"socket,path={folder.File("none/net.sock")}", "--", "true");
        CliResult name = await DoppelCli.RunAsync("run", "--network", "tap,ifname=a-name-that-is-too-long", "--", "true");
        Assert.NotEqual(0, socket.Status);
        Assert.Contains("net.sock", socket.ErrorText, StringComparison.Ordinal);
        Assert.NotEqual(0, name.Status);
        Assert.Contains("15 characters", name.ErrorText, StringComparison.Ordinal);
    }

    /// <summary>A web server of the host's loopback with one page.</summary>
    private sealed class PageServer : IDisposable
    {
        private readonly byte[] _page;
        private readonly TcpListener _listener;
        private int _served;

        internal PageServer(byte[] content, IPAddress? address = null)
        {
            _page = [.. Encoding.ASCII.GetBytes($"HTTP/1.0 200 OK\r\nContent-Length: {content.Length}\r\n\r\n"), .. content];
            _listener = new(address ?? IPAddress.Loopback, 0);
            try
            {
                _listener.Start();
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
            {
                throw new InvalidOperationException($"This test needs the address {address} of the host; for ::1, `sysctl net.ipv6.conf.lo.disable_ipv6=0`.", e);
            }
            _ = Task.Run(() => ServeAsync(_listener));
        }

        internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        internal int Served => Volatile.Read(ref _served);

        public void Dispose() => _listener.Dispose();

        private async Task ServeAsync(TcpListener listener)
        {
            try
            {
                while (true)
                {
                    using TcpClient client = await listener.AcceptTcpClientAsync();
                    Interlocked.Increment(ref _served);
                    await using NetworkStream stream = client.GetStream();
                    _ = await stream.ReadAsync(new byte[4096]);
                    await stream.WriteAsync(_page);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
            {
                // The test is over.
            }
        }
    }
}
