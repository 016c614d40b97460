using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Doppel.Devices.Backends.Net.User;
using Doppel.Devices.Backends.Net.User.Naming;
using Doppel.Devices.Backends.Net.User.Policy;
using Doppel.Host;

namespace Doppel.UnitTests.Devices.UserNet;

public sealed class NamingTests
{
    private const int Payload = 42;

    [Theory]
    [InlineData("host.doppel.internal", 1, "0A000202")]
    [InlineData("HOST.Doppel.Internal", 1, "0A000202")]
    [InlineData("doppel.doppel.internal", 1, "0A00020F")]
    [InlineData("host.doppel.internal", 28, "FEC00000000000000000000000000002")]
    public void OwnName_IsAnsweredHere(string name, ushort type, string address)
    {
        using StackBench bench = new(new UserNetworkOptions { Resolvers = [] });
        byte[] answer = Ask(bench, Query(7, name, type));
        Assert.Equal(0x0007_8580u, BinaryPrimitives.ReadUInt32BigEndian(answer));
        Assert.EndsWith(address, Convert.ToHexString(answer), StringComparison.Ordinal);
    }

    [Fact]
    public void Query_NoResolver_Fails()
    {
        using StackBench bench = new(new UserNetworkOptions { Resolvers = [] });
        Assert.Equal(2, Ask(bench, Query(7, "example.org", 1))[3] & 15);
    }

    [Fact]
    public void Query_IsForwardedUnderAnotherNumber_AndAnswered()
    {
        using FakeResolver resolver = new();
        using StackBench bench = new(new UserNetworkOptions { Resolvers = [resolver.Endpoint] });
        byte[] answer = Ask(bench, Query(7, "example.org", 1));
        Assert.Equal(7, BinaryPrimitives.ReadUInt16BigEndian(answer));
        Assert.EndsWith("C0000207", Convert.ToHexString(answer), StringComparison.Ordinal);
        Assert.Equal(0, bench.Network.Dns.Pending);
    }

    [Fact]
    public void Query_FirstResolverIsDead_TheSecondAnswers()
    {
        using Socket dead = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        dead.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using FakeResolver resolver = new();
        using StackBench bench = new(new UserNetworkOptions { Resolvers = [(IPEndPoint)dead.LocalEndPoint!, resolver.Endpoint] });
        bench.Send(StackBench.Udp(new(StackBench.Dns, 53), 4000, Query(7, "example.org", 1)));
        Assert.Empty(bench.Received);
        bench.Advance(TimeSpan.FromSeconds(2.1));
        Assert.EndsWith("C0000207", Convert.ToHexString(bench.Next("an answer")), StringComparison.Ordinal);
    }

    [Fact]
    public void Query_FirstResolverCanNotAnswer_TheSecondIsAskedAtOnce()
    {
        using FakeResolver first = new() { Code = 2 }, second = new();
        using StackBench bench = new(new UserNetworkOptions { Resolvers = [first.Endpoint, second.Endpoint] });
        Assert.EndsWith("C0000207", Convert.ToHexString(Ask(bench, Query(7, "example.org", 1))), StringComparison.Ordinal);
        Assert.Equal((1, 1), (first.Asked, second.Asked));
    }

    [Fact]
    public void Query_NoResolverCanAnswer_TheGuestHearsWhy()
    {
        using FakeResolver first = new() { Code = 2 }, second = new() { Code = 5 };
        using StackBench bench = new(new UserNetworkOptions { Resolvers = [first.Endpoint, second.Endpoint] });
        Assert.Equal(5, Ask(bench, Query(7, "example.org", 1))[3] & 15);
        Assert.Equal((1, 1), (first.Asked, second.Asked));
    }

    [Fact]
    public void Query_UnknownNameOfOurDomain_IsNotAskedOutside()
    {
        using FakeResolver resolver = new();
        using StackBench bench = new(new UserNetworkOptions { Resolvers = [resolver.Endpoint] });
        Assert.Equal(3, Ask(bench, Query(7, "printer.doppel.internal", 1))[3] & 15);
        Assert.Equal(0, resolver.Asked);
    }

    [Fact]
    public void AllowList_LabelWithADotInside_IsAnotherName()
    {
        using FakeResolver resolver = new();
        using StackBench bench = new(new UserNetworkOptions { Resolvers = [resolver.Endpoint], Allow = [Rule("*.example.org")] });
        byte[] query = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 14, .. "secret.example"u8, 3, .. "org"u8, 0, 0, 1, 0, 1];
        Assert.Equal(5, Ask(bench, query)[3] & 15);
        Assert.Equal(0, resolver.Asked);
    }

    [Fact]
    public void AllowList_OtherNames_AreNotEvenAsked()
    {
        using FakeResolver resolver = new();
        using StackBench bench = new(new UserNetworkOptions { Resolvers = [resolver.Endpoint], Allow = [Rule("deb.example.org")] });
        Assert.Equal(5, Ask(bench, Query(7, "secret.evil.example", 1))[3] & 15);
        Assert.Equal(0, resolver.Asked);
    }

    [Fact]
    public void AllowList_AddressTheGuestWasTold_IsOpenForThatPort()
    {
        using FakeResolver resolver = new();
        EgressPolicy policy = new(new UserNetworkOptions().ToPlan(), [Rule("*.example.org:443")], restrict: false);
        IpEndpoint https = new(StackBench.Ip("192.0.2.7"), 443), http = https with { Port = 80 };
        Assert.False(policy.TryRoute(https, 0, out _, out _));
        policy.Learn("deb.example.org", https.Address, 60, 0);
        Assert.True(policy.TryRoute(https, 0, out IpEndpoint target, out _));
        Assert.Equal(https, target);
        Assert.False(policy.TryRoute(http, 0, out _, out _));
        Assert.False(policy.TryRoute(https, 3600_000_000_000, out _, out _));
    }

    [Theory]
    [InlineData("10.0.2.2")]
    [InlineData("127.0.0.1")]
    [InlineData("169.254.169.254")]
    [InlineData("fec0::2")]
    public void AllowList_NameThatLeadsInside_OpensNothing(string address)
    {
        EgressPolicy policy = new(new UserNetworkOptions().ToPlan(), [Rule("*.example.org")], restrict: false);
        policy.Learn("deb.example.org", StackBench.Ip(address), 60, 0);
        Assert.False(policy.TryRoute(new(StackBench.Ip(address), 80), 0, out _, out _));
    }

    [Theory]
    [InlineData("10.0.2.2", true)]
    [InlineData("192.0.2.1", true)]
    [InlineData("10.0.2.77", false)]
    [InlineData("127.0.0.1", false)]
    [InlineData("0.0.0.0", false)]
    [InlineData("169.254.169.254", false)]
    [InlineData("224.0.0.251", false)]
    [InlineData("::1", false)]
    [InlineData("fe80::1", false)]
    [InlineData("2001:db8::1", true)]
    public void Route_WithoutRules_LeadsOutButNotToTheHostsOwn(string address, bool routed)
        => Assert.Equal(routed, new EgressPolicy(new UserNetworkOptions().ToPlan(), [], restrict: false).TryRoute(new(StackBench.Ip(address), 80), 0, out _, out _));

    [Theory]
    [InlineData("8080:80", "127.0.0.1:8080:80")]
    [InlineData("0.0.0.0:2222:22", "0.0.0.0:2222:22")]
    [InlineData("[::1]:5353:53/udp", "[::1]:5353:53/udp")]
    public void PublishedPort_Parse_Reads(string text, string meaning)
    {
        Assert.True(PublishedPort.TryParse(text, out PublishedPort? port, out _));
        Assert.Equal(meaning, port.ToString());
    }

    [Theory]
    [InlineData("80")]
    [InlineData("8080:0")]
    [InlineData("8080:99999")]
    [InlineData("nowhere:8080:80")]
    [InlineData("8080:80/sctp")]
    public void PublishedPort_Nonsense_IsRefusedWithAnExample(string text)
    {
        Assert.False(PublishedPort.TryParse(text, out _, out string? error));
        Assert.Contains("8080:80", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("deb.example.org:0")]
    [InlineData("192.0.2.0/33")]
    [InlineData("deb.example.org/debian")]
    [InlineData("[2001:db8::1")]
    public void EgressRule_Nonsense_IsRefused(string text) => Assert.False(EgressRule.TryParse(text, out _, out _));

    [Fact]
    public void ResolvConf_LinesOfAllKinds_GiveServersAndDomains()
    {
        ResolverFile file = ResolverFile.Parse([
            "# nameserver 1.1.1.1", "domain old.example", "search Example.ORG. corp.example $(reboot) . a..b", "nameserver 192.0.2.53",
            "nameserver\t2001:db8::53", "nameserver nonsense", "search"]);
        Assert.Equal(["192.0.2.53:53", "[2001:db8::53]:53"], file.Servers.Select(static s => s.ToString()));
        Assert.Equal(["example.org", "corp.example"], file.Search);
    }

    [Fact]
    public void ResolvConf_LinkToAFileThatIsReplaced_IsReadAgain()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("doppel-test-");
        string target = Path.Combine(folder.FullName, "target"), link = Path.Combine(folder.FullName, "resolv.conf");
        File.WriteAllText(target, "nameserver 192.0.2.1\n");
        File.CreateSymbolicLink(link, target);
        HostResolvers resolvers = new(link);
        Assert.Equal("192.0.2.1:53", Assert.Single(resolvers.Servers(0)).ToString());
        File.WriteAllText(target, "nameserver 192.0.2.2\n");
        Assert.Equal("192.0.2.2:53", Assert.Single(resolvers.Servers(6_000_000_000)).ToString());
        folder.Delete(recursive: true);
        Assert.Equal("127.0.0.1:53", Assert.Single(resolvers.Servers(12_000_000_000)).ToString());
    }

    [Fact]
    public async Task LongAnswer_OverTcp_ComesThroughAKernelsSocket()
    {
        using FakeResolver resolver = new();
        using Network network = new(new UserNetworkOptions { Resolvers = [resolver.Endpoint] });
        using Socket guest = network.Open();
        await guest.ConnectAsync(new IPEndPoint(IPAddress.Parse("10.0.2.3"), 53));
        byte[] query = Query(9, "long.example.org", 16);
        await guest.SendAsync((byte[])[0, (byte)query.Length, .. query]);
        byte[] answer = new byte[2 + FakeResolver.LongAnswer];
        for (int got = 0; got < answer.Length;) got += await guest.ReceiveAsync(answer.AsMemory(got)).AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(FakeResolver.LongAnswer, BinaryPrimitives.ReadUInt16BigEndian(answer));
        Assert.Equal(9, BinaryPrimitives.ReadUInt16BigEndian(answer.AsSpan(2)));
        Assert.All(answer.Skip(2 + query.Length), static b => Assert.Equal(0x5a, b));
    }

    private static EgressRule Rule(string text)
    {
        Assert.True(EgressRule.TryParse(text, out EgressRule? rule, out _));
        return rule;
    }

    private static byte[] Ask(StackBench bench, byte[] query)
    {
        bench.Send(StackBench.Udp(new(StackBench.Dns, 53), 4000, query));
        return bench.Next("an answer").AsSpan(Payload).ToArray();
    }

    private static byte[] Query(ushort number, string name, ushort type)
        => [(byte)(number >> 8), (byte)number, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0,
            .. name.Split('.').SelectMany(static l => Encoding.ASCII.GetBytes(l).Prepend((byte)l.Length)), 0, (byte)(type >> 8), (byte)type, 0, 1];

    /// <summary>A resolver on the loopback that says 192.0.2.7 to everything over UDP, and something long over TCP.</summary>
    private sealed class FakeResolver : IDisposable
    {
        internal const int LongAnswer = 20_000;

        private readonly Socket _datagrams;
        private readonly TcpListener _streams;

        internal FakeResolver()
        {
            (_datagrams, _streams) = Listen();
            _ = ServeAsync();
            _ = ServeStreamsAsync();
        }

        internal IPEndPoint Endpoint => (IPEndPoint)_datagrams.LocalEndPoint!;

        internal int Asked { get; private set; }

        /// <summary>Says this instead of an address, if it is not zero.</summary>
        internal byte Code { get; init; }

        public void Dispose()
        {
            _datagrams.Dispose();
            _streams.Dispose();
        }

        // A port that is free for datagrams may be taken for streams: ports are asked for until one is free for both.
        private static (Socket Datagrams, TcpListener Streams) Listen()
        {
            while (true)
            {
                Socket datagrams = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
                datagrams.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                TcpListener streams = new((IPEndPoint)datagrams.LocalEndPoint!);
                try
                {
                    streams.Start();
                    return (datagrams, streams);
                }
                catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
                {
                    datagrams.Dispose();
                    streams.Dispose();
                }
            }
        }

        private async Task ServeAsync()
        {
            byte[] buffer = new byte[512];
            try
            {
                while (true)
                {
                    SocketReceiveFromResult at = await _datagrams.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
                    Asked++;
                    buffer[2] |= 0x80;
                    buffer[3] = Code;
                    buffer[7] = (byte)(Code == 0 ? 1 : 0);
                    byte[] record = Code == 0 ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7] : [];
                    await _datagrams.SendToAsync((byte[])[.. buffer.AsSpan(0, at.ReceivedBytes), .. record], at.RemoteEndPoint);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private async Task ServeStreamsAsync()
        {
            try
            {
                using Socket client = await _streams.AcceptSocketAsync();
                byte[] query = new byte[512];
                int count = await client.ReceiveAsync(query);
                byte[] answer = [LongAnswer >> 8, LongAnswer & 0xff, .. query.AsSpan(2, count - 2), .. Enumerable.Repeat((byte)0x5a, LongAnswer - (count - 2))];
                answer[4] |= 0x80;
                await client.SendAsync(answer);
                await client.ReceiveAsync(query);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }
}
