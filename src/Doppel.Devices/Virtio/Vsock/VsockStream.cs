using Doppel.Host;

namespace Doppel.Devices.Virtio.Vsock;

/// <summary>
/// The host's end of a connection with the guest: bytes in order, with back-pressure both ways. Reads return zero when the guest has shut its
/// sending side down; they and writes throw <see cref="IOException"/> when the connection was reset. Closing it lets what was written arrive.
/// Thread contract: one reader and one writer at a time; <see cref="CompleteWrites"/> and closing from any thread.
/// </summary>
public sealed class VsockStream : ByteStream
{
    private readonly VsockConnection _connection;
    private int _disposed;

    internal VsockStream(VsockConnection connection) => _connection = connection;

    /// <summary>Port of the guest's end.</summary>
    public uint GuestPort => _connection.GuestPort;

    /// <summary>Port of the host's end.</summary>
    public uint HostPort => _connection.HostPort;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <summary>Shuts the sending side down: the guest reads the end after what was written so far.</summary>
    public void CompleteWrites()
    {
        _connection.ToGuest.SetCompleted(true);
        _connection.Poke();
    }

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        if (buffer.IsEmpty) return 0;
        int count = _connection.ToHost.Read(buffer);
        return Taken(count);
    }

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.IsEmpty) return 0;
        while (true)
        {
            Task readable = _connection.ToHost.WaitReadableAsync();
            if (!readable.IsCompleted) await readable.WaitAsync(cancellationToken).ConfigureAwait(false);
            int count = _connection.ToHost.TryRead(buffer.Span);
            if (count != 0 || _connection.ToHost.IsEnded || _connection.ToHost.IsAbandoned) return Taken(count);
        }
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            buffer = buffer[Send(buffer)..];
            if (!buffer.IsEmpty) _connection.ToGuest.WaitForRoom();
        }
    }

    /// <inheritdoc/>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            buffer = buffer[Send(buffer.Span)..];
            if (!buffer.IsEmpty) await _connection.ToGuest.WaitWritableAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _connection.ToHost.Abandon();
            _connection.ToGuest.SetCompleted(true);
            _connection.Poke();
        }
        base.Dispose(disposing);
    }

    private int Taken(int count)
    {
        if (count == 0 && _connection.Failure is { } failure) throw new IOException(failure);
        if (count != 0) _connection.Taken(count);
        return count;
    }

    private int Send(ReadOnlySpan<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        if (_connection.Failure is { } failure) throw new IOException(failure);
        if (_connection.GuestReceivesNoMore) throw new IOException("The guest has closed its end of the connection.");
        int taken = _connection.ToGuest.TryWrite(buffer);
        _connection.Poke();
        return taken;
    }
}
