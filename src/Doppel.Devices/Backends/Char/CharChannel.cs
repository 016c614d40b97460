namespace Doppel.Devices.Backends.Char;

/// <summary>
/// A character back end inside the process: the guest's device on one side, a duplex <see cref="Stream"/> on the other.
/// Thread contract: all members from any thread; one reader and one writer of <see cref="Host"/> at a time.
/// </summary>
public sealed class CharChannel : ICharBackend
{
    /// <summary>Bytes that may wait in each direction, unless the constructor is told otherwise.</summary>
    public const int DefaultCapacity = 64 << 10;

    private readonly BytePipe _toGuest;
    private readonly BytePipe _toHost;

    /// <summary>Creates an empty channel.</summary>
    /// <param name="capacity">Bytes that may wait in each direction.</param>
    public CharChannel(int capacity = DefaultCapacity)
    {
        _toGuest = new BytePipe(capacity);
        _toHost = new BytePipe(capacity);
        Host = new CharChannelStream(_toHost, _toGuest);
    }

    /// <summary>
    /// The host's end. Reads end (return zero) while the guest's end is closed and all is read; writes wait while the guest does not
    /// take its input. Closing the stream ends the guest's input and drops its output.
    /// </summary>
    public Stream Host { get; }

    /// <inheritdoc/>
    public bool InputEnded => _toGuest.IsEnded;

    /// <summary>Bytes from the guest that the host has not read yet.</summary>
    public int PendingOutput => _toHost.Count;

    /// <summary>Bytes from the host that the guest has not taken yet.</summary>
    public int PendingInput => _toGuest.Count;

    /// <summary>Drops what the guest has sent and will send; its input goes on.</summary>
    public void DropOutput() => _toHost.Abandon();

    /// <summary>Ends the guest's input after what was written so far; output goes on.</summary>
    public void CompleteInput() => _toGuest.SetCompleted(true);

    /// <inheritdoc/>
    public void Attach(Action inputChanged, Action roomChanged)
    {
        _toGuest.Readable = inputChanged;
        _toHost.Writable = roomChanged;
    }

    /// <inheritdoc/>
    public int Write(ReadOnlySpan<byte> data) => _toHost.TryWrite(data);

    /// <inheritdoc/>
    public void WriteUnbounded(ReadOnlySpan<byte> data) => _toHost.WriteUnbounded(data);

    /// <inheritdoc/>
    public int Read(Span<byte> destination) => _toGuest.TryRead(destination);

    /// <inheritdoc/>
    public void WaitForRoom() => _toHost.WaitForRoom();

    /// <inheritdoc/>
    public void SetGuestOpen(bool open) => _toHost.SetCompleted(!open);

    /// <summary>Closes the guest's end: the host reads what is left and then the end; what it still writes is dropped.</summary>
    public void Dispose()
    {
        _toHost.SetCompleted(true);
        _toGuest.Abandon();
    }
}
