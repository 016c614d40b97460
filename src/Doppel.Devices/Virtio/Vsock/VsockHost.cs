using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Doppel.Devices.Virtio.Vsock;

/// <summary>
/// The host's end of a machine's vsock: who listens there, and who wants to connect to the guest. It outlives the device, because a reboot
/// brings a new one. Thread contract: all members from any thread.
/// </summary>
public sealed class VsockHost : IDisposable
{
    /// <summary>Address of the host (virtio 1.2, section 5.10.4).</summary>
    public const uint HostCid = 2;

    private readonly ConcurrentDictionary<uint, VsockListener> _listeners = new();
    private readonly ConcurrentQueue<VsockConnection> _dialled = new();
    private volatile VirtioVsock? _device;
    private volatile bool _disposed;

    /// <summary>
    /// Answers the guest's requests to connect to a port that nobody listens on; null refuses them. Called on the machine's event thread with
    /// the port and a stream that is open at once; it must not block.
    /// </summary>
    public Func<uint, Action<VsockStream>?>? Fallback { get; set; }

    /// <summary>Connects to a port of the guest. Waits while the guest has no driver yet.</summary>
    /// <param name="port">Port that a program in the guest listens on.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="IOException">Nobody listens there, or the machine has ended.</exception>
    public async Task<VsockStream> ConnectAsync(uint port, CancellationToken cancellationToken = default)
    {
        VsockConnection connection = new(this, port);
        VsockStream stream = new(connection);
        _dialled.Enqueue(connection);
        if (_disposed) FailDialled();
        _device?.Schedule();
        try
        {
            await connection.Opened.WaitAsync(cancellationToken).ConfigureAwait(false);
            return stream;
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Listens on a port of the host.</summary>
    /// <param name="port">Port that programs in the guest connect to.</param>
    /// <exception cref="IOException">Somebody listens there already.</exception>
    public VsockListener Listen(uint port)
    {
        VsockListener listener = new(port, gone => _listeners.TryRemove(KeyValuePair.Create(port, gone)));
        if (!_listeners.TryAdd(port, listener)) throw new IOException($"vsock port {port} is in use");
        if (_disposed) listener.Dispose();
        return listener;
    }

    /// <summary>Ends all listeners, and what still waits for the guest.</summary>
    public void Dispose()
    {
        _disposed = true;
        foreach (VsockListener listener in _listeners.Values) listener.Dispose();
        FailDialled();
    }

    internal void Attach(VirtioVsock device) => _device = device;

    internal void Detach(VirtioVsock device) => Interlocked.CompareExchange(ref _device, null, device);

    internal void Poke(VsockConnection connection) => _device?.Poke(connection);

    /// <summary>Takes the next connection that the host wants.</summary>
    internal bool TryTakeDialled(out VsockConnection? connection)
    {
        while (_dialled.TryDequeue(out connection))
        {
            if (!connection.IsAbandoned) return true;
        }
        return false;
    }

    /// <summary>Decides on a guest's request; gives what to do with the stream once the connection is open.</summary>
    internal Action<VsockStream>? Answer(uint port)
    {
        if (_listeners.TryGetValue(port, out VsockListener? listener)) return listener.HasRoom ? listener.Add : null;
        return Fallback?.Invoke(port);
    }

    private void FailDialled()
    {
        while (_dialled.TryDequeue(out VsockConnection? connection)) connection.Close("The machine has ended.");
    }
}

/// <summary>A port of the host on which the guest's connections are accepted. Thread contract: all members from any thread.</summary>
public sealed class VsockListener : IDisposable
{
    private const int Backlog = 128;

    private readonly Channel<VsockStream> _waiting = Channel.CreateUnbounded<VsockStream>();
    private readonly Action<VsockListener> _closed;

    internal VsockListener(uint port, Action<VsockListener> closed)
    {
        Port = port;
        _closed = closed;
    }

    /// <summary>The port.</summary>
    public uint Port { get; }

    /// <summary>Connections that wait to be accepted.</summary>
    internal int Waiting => _waiting.Reader.Count;

    internal bool HasRoom => Waiting < Backlog;

    /// <summary>Waits for the guest to connect.</summary>
    /// <returns>The host's end, or null when the listener was closed or the machine has ended.</returns>
    public async Task<VsockStream?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _waiting.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (_waiting.Reader.TryRead(out VsockStream? stream)) return stream;
        }
        return null;
    }

    /// <summary>Listens no more; connections that nobody accepted are closed.</summary>
    public void Dispose()
    {
        _closed(this);
        _waiting.Writer.TryComplete();
        while (_waiting.Reader.TryRead(out VsockStream? stream)) stream.Dispose();
    }

    internal void Add(VsockStream stream)
    {
        if (!_waiting.Writer.TryWrite(stream)) stream.Dispose();
    }
}
