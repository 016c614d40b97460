using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Net.User;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>The stack against the best judge of it there is: the host's Linux kernel plays the guest, over a TAP device.</summary>
public sealed class KernelPeerTests(ITestOutputHelper output)
{
    private static readonly IPAddress s_host4 = IPAddress.Parse("10.0.2.2");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Download_TwoHundredAtOnce_ArriveIntact(bool offloads)
    {
        using PatternServer server = new();
        using Network network = new(new UserNetworkOptions(), offloads);
        Task<string>[] downloads = [.. Enumerable.Range(0, 200).Select(i => network.DownloadAsync(new(s_host4, server.Port), i, 40_000 + (i * 997)))];
        Task.WaitAll(downloads);
        Assert.All(downloads, static d => Assert.Equal("", d.Result));
    }

    [Theory]
    [InlineData(true, "10.0.2.2")]
    [InlineData(false, "10.0.2.2")]
    [InlineData(true, "fec0::2")]
    [InlineData(false, "fec0::2")]
    public void LongStreams_BothWays_ArriveIntact(bool offloads, string host)
    {
        const int Length = 64 << 20;
        IPAddress address = IPAddress.Parse(host);
        using PatternServer server = new(address.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Loopback : IPAddress.IPv6Loopback);
        using Network network = new(new UserNetworkOptions(), offloads);
        network.WaitForAddress(address.AddressFamily);
        Stopwatch watch = Stopwatch.StartNew();
        Assert.Equal("", network.DownloadAsync(new(address, server.Port), 1, Length).Result);
        TimeSpan download = watch.Elapsed;
        Assert.Equal("", network.UploadAsync(new(address, server.Port), Length).Result);
        output.WriteLine($"{Length / download.TotalSeconds / 1e6:F0} MB/s to the guest, {Length / (watch.Elapsed - download).TotalSeconds / 1e6:F0} MB/s from it");
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(true, 2)]
    [InlineData(false, 3)]
    [InlineData(false, 4)]
    public void Streams_OverABadCable_ArriveIntact(bool offloads, int seed)
    {
        const int Length = 1 << 20;
        NetImpairer impairer = new(seed, loss: 0.02, reorder: 0.05, duplicate: 0.02);
        using PatternServer server = new();
        using Network network = new(new UserNetworkOptions(), offloads, impairer);
        IPEndPoint host = new(s_host4, server.Port);
        Task<string>[] streams = [.. Enumerable.Range(0, 8).SelectMany(i => new[] { network.DownloadAsync(host, i, Length), network.UploadAsync(host, Length) })];
        Task.WaitAll(streams);
        output.WriteLine($"seed {seed}: {impairer.Lost} frames lost");
        Assert.All(streams, static s => Assert.Equal("", s.Result));
        Assert.NotEqual(0, impairer.Lost);
    }
}
