using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Doppel.UnitTests.Images;

/// <summary>A web server for one folder that knows ranges and can stop sending in the middle of a package.</summary>
internal sealed class RangeServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _stalled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _root;
    private long _stallAfter = long.MaxValue;

    public RangeServer(string root)
    {
        _root = root;
        _listener.Start();
        _ = AcceptAsync();
    }

    public string Uri => new UriBuilder(System.Uri.UriSchemeHttp, "127.0.0.1", ((IPEndPoint)_listener.LocalEndpoint).Port).Uri.ToString().TrimEnd('/');

    public Task Stalled => _stalled.Task;

    /// <summary>Offsets at which clients asked a package to be taken up.</summary>
    public List<long> Resumed { get; } = [];

    public long StallAfter
    {
        get => Interlocked.Read(ref _stallAfter);
        set => Interlocked.Exchange(ref _stallAfter, value);
    }

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested) _ = ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token));
    }

    private async Task ServeAsync(TcpClient client)
    {
        using TcpClient owned = client;
        NetworkStream stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.ASCII);
        while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } request)
        {
            var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } line)
                headers[line.Split(':')[0]] = line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
            await AnswerAsync(stream, System.Uri.UnescapeDataString(request.Split(' ')[1]), headers);
        }
    }

    private async Task AnswerAsync(NetworkStream stream, string path, Dictionary<string, string> headers)
    {
        string file = Path.Combine(_root, path.TrimStart('/'));
        if (!File.Exists(file))
        {
            await stream.WriteAsync("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), _stop.Token);
            return;
        }
        byte[] content = await File.ReadAllBytesAsync(file, _stop.Token);
        string modified = File.GetLastWriteTimeUtc(file).ToString("R", CultureInfo.InvariantCulture);
        long from = 0;
        bool partial = headers.TryGetValue("Range", out string? range) && headers.GetValueOrDefault("If-Range") == modified;
        if (partial)
        {
            from = long.Parse(range!["bytes=".Length..^1], CultureInfo.InvariantCulture);
            Resumed.Add(from);
        }
        string status = partial ? $"206 Partial Content\r\nContent-Range: bytes {from}-{content.Length - 1}/{content.Length}" : "200 OK";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"HTTP/1.1 {status}\r\nContent-Length: {content.Length - from}\r\nLast-Modified: {modified}\r\nAccept-Ranges: bytes\r\n\r\n"), _stop.Token);
        bool stalls = path.EndsWith(".deb", StringComparison.Ordinal) && content.Length > StallAfter;
        await stream.WriteAsync(content.AsMemory((int)from, stalls ? (int)StallAfter : content.Length - (int)from), _stop.Token);
        if (!stalls) return;
        await stream.FlushAsync(_stop.Token);
        _stalled.TrySetResult();
        await Task.Delay(Timeout.Infinite, _stop.Token);
    }
}
