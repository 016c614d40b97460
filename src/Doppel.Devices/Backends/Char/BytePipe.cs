namespace Doppel.Devices.Backends.Char;

/// <summary>
/// One direction of a character channel: a bounded queue of bytes between one writer and one reader, each of which may poll, block or
/// await. Thread contract: all members from any thread. The callbacks run on the thread that caused the change, without the lock.
/// </summary>
internal sealed class BytePipe(int capacity)
{
    private readonly object _gate = new();
    private readonly ByteRing _ring = new(capacity);
    private TaskCompletionSource? _changed;
    private bool _completed;
    private bool _abandoned;

    /// <summary>Called when bytes came in where there were none, or when the writer completed.</summary>
    internal Action Readable { get; set; } = static () => { };

    /// <summary>Called when there is room where there was none, or when the reader has gone.</summary>
    internal Action Writable { get; set; } = static () => { };

    /// <summary>True when the writer has completed and everything was read.</summary>
    internal bool IsEnded
    {
        get
        {
            lock (_gate) return _completed && _ring.Count == 0;
        }
    }

    /// <summary>True when the writer has completed, read or not.</summary>
    internal bool IsCompleted
    {
        get
        {
            lock (_gate) return _completed;
        }
    }

    /// <summary>Bytes that wait to be read.</summary>
    internal int Count
    {
        get
        {
            lock (_gate) return _ring.Count;
        }
    }

    /// <summary>True when the reader has gone.</summary>
    internal bool IsAbandoned
    {
        get
        {
            lock (_gate) return _abandoned;
        }
    }

    /// <summary>Takes what fits, without waiting. Once the reader has gone, everything is taken and dropped.</summary>
    internal int TryWrite(ReadOnlySpan<byte> data)
    {
        int taken;
        bool wasEmpty;
        lock (_gate)
        {
            if (_abandoned || _completed) return data.Length;
            wasEmpty = _ring.Count == 0;
            taken = _ring.Write(data);
            if (taken != 0) SignalLocked();
        }
        if (wasEmpty && taken != 0) Readable();
        return taken;
    }

    /// <summary>Takes everything, past the bound if need be, unless nobody reads any more.</summary>
    internal void WriteUnbounded(ReadOnlySpan<byte> data)
    {
        lock (_gate)
        {
            if (_abandoned || _completed || data.IsEmpty) return;
            _ring.WriteUnbounded(data);
            SignalLocked();
        }
        Readable();
    }

    /// <summary>Gives what is there, without waiting.</summary>
    internal int TryRead(Span<byte> destination)
    {
        int given;
        bool wasFull;
        lock (_gate)
        {
            wasFull = _ring.Room == 0;
            given = _ring.Read(destination);
            wasFull &= _ring.Room != 0;
            if (given != 0) SignalLocked();
        }
        if (wasFull) Writable();
        return given;
    }

    /// <summary>Blocks until there is something to read; zero at the end.</summary>
    internal int Read(Span<byte> destination)
    {
        lock (_gate)
        {
            while (_ring.Count == 0 && !_completed && !_abandoned) Monitor.Wait(_gate);
        }
        return TryRead(destination);
    }

    /// <summary>Blocks until there is room, or nobody reads any more.</summary>
    internal void WaitForRoom()
    {
        lock (_gate)
        {
            while (_ring.Room == 0 && !_completed && !_abandoned) Monitor.Wait(_gate);
        }
    }

    /// <summary>Completes when there is something to read, or at the end.</summary>
    internal Task WaitReadableAsync() => WaitAsync(forRoom: false);

    /// <summary>Completes when there is room, or nobody reads any more.</summary>
    internal Task WaitWritableAsync() => WaitAsync(forRoom: true);

    /// <summary>The writer is done (or, for a port that opens again, begins anew).</summary>
    internal void SetCompleted(bool completed)
    {
        lock (_gate)
        {
            _completed = completed;
            SignalLocked();
        }
        Readable();
    }

    /// <summary>The reader has gone: what is queued, and what will be written, is dropped.</summary>
    internal void Abandon()
    {
        lock (_gate)
        {
            _abandoned = true;
            _ring.Clear();
            SignalLocked();
        }
        Writable();
    }

    private Task WaitAsync(bool forRoom)
    {
        lock (_gate)
        {
            bool ready = _completed || _abandoned || (forRoom ? _ring.Room : _ring.Count) != 0;
            if (ready) return Task.CompletedTask;
            // Continuations must not run under the lock of whoever writes or reads.
            _changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _changed.Task;
        }
    }

    private void SignalLocked()
    {
        Monitor.PulseAll(_gate);
        _changed?.TrySetResult();
        _changed = null;
    }
}
