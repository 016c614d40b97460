namespace Doppel.Devices.Backends.Char;

/// <summary>
/// Connects a character device to host streams: standard input and output, a file, a pipe. Two threads carry the bytes, so a slow or
/// stuck stream never holds up a vCPU for longer than the bounded buffer lasts. Thread contract: as <see cref="ICharBackend"/>.
/// </summary>
public sealed class StreamCharBackend : ICharBackend
{
    private static readonly TimeSpan s_drainLimit = TimeSpan.FromSeconds(2);

    private readonly CharChannel _channel;
    private readonly Thread? _writer;
    private bool _disposed;

    /// <summary>Starts to carry bytes.</summary>
    /// <param name="input">Read until its end, which ends the guest's input; null for none. It is not closed here.</param>
    /// <param name="output">Receives what the guest sends; null drops it. It is flushed when the guest pauses, and not closed here.</param>
    /// <param name="capacity">Bytes that may wait in each direction.</param>
    public StreamCharBackend(Stream? input, Stream? output, int capacity = CharChannel.DefaultCapacity)
    {
        _channel = new CharChannel(capacity);
        _writer = output is null ? null : Start("doppel-char-out", () => CopyOut(output));
        // A read from a terminal can not be cancelled, so nobody waits for this thread: it ends with its stream or with the process.
        if (input is not null) Start("doppel-char-in", () => CopyIn(input));
    }

    /// <inheritdoc/>
    public bool InputEnded => _channel.InputEnded;

    /// <summary>Writes all output to a file, which is created or emptied.</summary>
    /// <param name="path">Path of the file.</param>
    /// <exception cref="IOException">The file can not be created.</exception>
    /// <exception cref="UnauthorizedAccessException">The file can not be written.</exception>
    public static ICharBackend ToFile(string path) => new OwningFile(path);

    /// <inheritdoc/>
    public void Attach(Action inputChanged, Action roomChanged) => _channel.Attach(inputChanged, roomChanged);

    /// <inheritdoc/>
    public int Write(ReadOnlySpan<byte> data) => _writer is null ? data.Length : _channel.Write(data);

    /// <inheritdoc/>
    public void WriteUnbounded(ReadOnlySpan<byte> data)
    {
        if (_writer is not null) _channel.WriteUnbounded(data);
    }

    /// <inheritdoc/>
    public int Read(Span<byte> destination) => _channel.Read(destination);

    /// <inheritdoc/>
    public void WaitForRoom() => _channel.WaitForRoom();

    /// <inheritdoc/>
    public void SetGuestOpen(bool open)
    {
        // A host stream outlives the guest's open and close; only disposing ends it.
    }

    /// <summary>Ends the output and waits, for two seconds at most, until the stream has all of it.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _channel.Dispose();
        _writer?.Join(s_drainLimit);
    }

    private static Thread Start(string name, ThreadStart body)
    {
        Thread thread = new(body, maxStackSize: 256 << 10) { IsBackground = true, Name = name };
        thread.Start();
        return thread;
    }

    private void CopyOut(Stream output)
    {
        byte[] buffer = new byte[16 << 10];
        try
        {
            int count;
            while ((count = _channel.Host.Read(buffer)) != 0)
            {
                output.Write(buffer.AsSpan(0, count));
                if (_channel.PendingOutput == 0) output.Flush();
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The reader of this stream has gone (a closed pipe): the guest goes on as with an unplugged cable.
            _channel.DropOutput();
        }
    }

    private void CopyIn(Stream input)
    {
        byte[] buffer = new byte[4 << 10];
        try
        {
            int count;
            while ((count = input.Read(buffer)) != 0) _channel.Host.Write(buffer.AsSpan(0, count));
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // A stream that fails has nothing more to say, like one that ended.
        }
        _channel.CompleteInput();
    }

    private sealed class OwningFile : ICharBackend
    {
        private readonly FileStream _file;
        private readonly StreamCharBackend _inner;

        internal OwningFile(string path)
        {
            _file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read);
            _inner = new StreamCharBackend(input: null, _file);
        }

        public bool InputEnded => false;

        public void Attach(Action inputChanged, Action roomChanged) => _inner.Attach(inputChanged, roomChanged);

        public int Write(ReadOnlySpan<byte> data) => _inner.Write(data);

        public void WriteUnbounded(ReadOnlySpan<byte> data) => _inner.WriteUnbounded(data);

        public int Read(Span<byte> destination) => 0;

        public void WaitForRoom() => _inner.WaitForRoom();

        public void SetGuestOpen(bool open) => _inner.SetGuestOpen(open);

        public void Dispose()
        {
            _inner.Dispose();
            _file.Dispose();
        }
    }
}
