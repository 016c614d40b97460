using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>Many connections at once through the user network.</summary>
public sealed class ParallelDownloadTests
{
    private const int Downloads = 200, Bytes = 200_000;

    [ToolFact("apt-get")]
    public async Task User_TwoHundredDownloadsAtOnce_ArriveIntact()
    {
        await DoppelCli.EnsureImageAsync();
        using Meeting server = new();
        string script = $"""
            mkdir /tmp/got && cd /tmp/got
            for i in $(seq {Downloads}); do wget -q -T 120 -O $i http://10.0.2.2:{server.Port}/$i & done
            wait
            for i in $(seq {Downloads}); do sha256sum <$i; done
            """;

        CliResult result = await DoppelCli.RunAsync("run", "--cpus", "2", "--", "sh", "-c", script);

        string[] expected = [.. Enumerable.Range(1, Downloads).Select(static i => Convert.ToHexStringLower(SHA256.HashData(Content(i))) + "  -")];
        Assert.Equal(expected, result.OutputText.TrimEnd().Split('\n'));
        Assert.Equal("", result.ErrorText);
    }

    // Another content for each, so that bytes of one connection in another would show.
    private static byte[] Content(int number)
    {
        byte[] content = new byte[Bytes];
        new Random(number).NextBytes(content);
        return content;
    }

    /// <summary>A web server of the host's loopback that answers nobody before everybody has asked.</summary>
    private sealed class Meeting : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly TaskCompletionSource _everybody = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _asked;

        internal Meeting()
        {
            _listener.Start(Downloads);
            _ = Task.Run(AcceptAsync);
        }

        internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public void Dispose() => _listener.Dispose();

        private async Task AcceptAsync()
        {
            try
            {
                while (true) _ = ServeAsync(await _listener.AcceptTcpClientAsync());
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private async Task ServeAsync(TcpClient client)
        {
            using (client)
            await using (NetworkStream stream = client.GetStream())
            {
                using StreamReader reader = new(stream, Encoding.ASCII, leaveOpen: true);
                string request = await reader.ReadLineAsync() ?? "";
                while (await reader.ReadLineAsync() is { Length: > 0 })
                {
                    // Headers do not matter.
                }
                if (Interlocked.Increment(ref _asked) == Downloads) _everybody.SetResult();
                await _everybody.Task;
                byte[] content = Content(int.Parse(request.Split(' ')[1][1..]));
                await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.0 200 OK\r\nContent-Length: {content.Length}\r\n\r\n"));
                await stream.WriteAsync(content);
            }
        }
    }
}
