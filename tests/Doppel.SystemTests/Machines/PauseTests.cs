using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Machines;

/// <summary>A machine that is stopped and goes on in the middle of its work.</summary>
public sealed class PauseTests
{
    private const int Blocks = 128, BlockBytes = 1 << 20, Pauses = 6;

    [ToolFact("apt-get")]
    public async Task Pause_AgainAndAgainDuringADownloadIntoAShare_LosesNothing()
    {
        await using MachineShed shed = new();
        using TcpListener server = new(IPAddress.Loopback, 0);
        server.Start();
        Task<string> sent = SendAsync(server);
        Directory.CreateDirectory(shed.File("share"));
        await shed.StartAsync("mover", "--share", shed.File("share") + ":/mnt");
        string url = $"http://10.0.2.2:{((IPEndPoint)server.LocalEndpoint).Port}/";
        await shed.DoAsync("exec", "-d", "mover", "--", "sh", "-c", $"wget -q -T 120 -O - {url} | tee /mnt/got | sha256sum >/tmp/sum; mv /tmp/sum /tmp/done");
        for (int i = 0; i < Pauses; i++)
        {
            await shed.DoAsync("pause", "mover");
            long length = ReceivedBytes(shed);
            await Task.Delay(20);
            Assert.Equal(length, ReceivedBytes(shed));
            await shed.DoAsync("resume", "mover");
        }
        string sum = await shed.DoAsync("exec", "mover", "--", "sh", "-c", "until [ -e /tmp/done ]; do sleep 0.1; done; cat /tmp/done");
        string expected = await sent.WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(expected + "  -\n", sum);
        Assert.Equal(expected, Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(shed.File("share/got")))));
    }

    private static long ReceivedBytes(MachineShed shed)
    {
        FileInfo file = new(shed.File("share/got"));
        return file.Exists ? file.Length : 0;
    }

    // Sends as fast as the guest takes it; gives the sum of all.
    private static async Task<string> SendAsync(TcpListener server)
    {
        using TcpClient client = await server.AcceptTcpClientAsync();
        await using NetworkStream stream = client.GetStream();
        using StreamReader reader = new(stream, Encoding.ASCII, leaveOpen: true);
        while (await reader.ReadLineAsync() is { Length: > 0 })
        {
            // What was asked for does not matter.
        }
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.0 200 OK\r\nContent-Length: {(long)Blocks * BlockBytes}\r\n\r\n"));
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] block = new byte[BlockBytes];
        Random random = new(5);
        for (int i = 0; i < Blocks; i++)
        {
            random.NextBytes(block);
            hash.AppendData(block);
            await stream.WriteAsync(block);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
