using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>
/// A server on the host's loopback. A client sends a seed and a length; the server sends that many bytes of the seed's pattern, or, for a
/// negative length, takes them and sends a dot and what was wrong with them.
/// </summary>
internal sealed class PatternServer : IDisposable
{
    private const int Piece = 256 << 10;
    private const int Period = 65521;

    private readonly TcpListener _listener;

    internal PatternServer(IPAddress? address = null)
    {
        _listener = new TcpListener(address ?? IPAddress.Loopback, 0);
        try
        {
            _listener.Start(512);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            throw new InvalidOperationException($"This test needs the address {address} of the host; for ::1, `sysctl net.ipv6.conf.lo.disable_ipv6=0`.", e);
        }
        _ = ServeAsync();
    }

    internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    internal static async Task SendAsync(Socket socket, int seed, int length)
    {
        byte[] pattern = Pattern(seed);
        for (int sent = 0; sent < length;)
        {
            int offset = sent % Period;
            sent += await socket.SendAsync(pattern.AsMemory(offset, Math.Min(length - sent, Piece)));
        }
    }

    /// <summary>Reads to the end and compares; "" if all is well.</summary>
    internal static async Task<string> CheckAsync(Socket socket, int seed, int length)
    {
        byte[] pattern = Pattern(seed), buffer = new byte[Piece];
        int received = 0;
        while (true)
        {
            int count = await socket.ReceiveAsync(buffer);
            if (count == 0) return received == length ? "" : $"{received} bytes of {length} came";
            if (!buffer.AsSpan(0, count).SequenceEqual(pattern.AsSpan(received % Period, count))) return $"wrong bytes near {received}";
            received += count;
        }
    }

    public void Dispose() => _listener.Dispose();

    private async Task ServeAsync()
    {
        try
        {
            while (true) _ = ServeAsync(await _listener.AcceptSocketAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private static async Task ServeAsync(Socket client)
    {
        using (client)
        {
            try
            {
                byte[] request = new byte[8];
                for (int got = 0; got < request.Length;) got += await client.ReceiveAsync(request.AsMemory(got));
                int seed = BinaryPrimitives.ReadInt32LittleEndian(request), length = BinaryPrimitives.ReadInt32LittleEndian(request.AsSpan(4));
                if (length >= 0) await SendAsync(client, seed, length);
                else await client.SendAsync(System.Text.Encoding.ASCII.GetBytes("." + await CheckAsync(client, seed, -length)));
                client.Shutdown(SocketShutdown.Send);
                await client.ReceiveAsync(request);
            }
            catch (SocketException)
            {
                // The client broke the connection.
            }
        }
    }

    // Not a multiple of anything that buffers are: a piece in the wrong place shows.
    private static byte[] Pattern(int seed)
    {
        byte[] pattern = new byte[Period + Piece];
        new Random(seed).NextBytes(pattern.AsSpan(0, Period));
        for (int i = Period; i < pattern.Length; i += Period) pattern.AsSpan(0, Math.Min(Period, pattern.Length - i)).CopyTo(pattern.AsSpan(i));
        return pattern;
    }
}
