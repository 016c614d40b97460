using System.Threading.Channels;

namespace Doppel.Cli.Machines;

/// <summary>
/// Where a background machine's console goes: into its log, and to everybody who is attached. Who attaches sees first what was printed last.
/// Thread contract: all members from any thread.
/// </summary>
internal sealed class ConsoleHub(BoundedLog log) : IDisposable
{
    private const int TailBytes = 4 << 10, MostWaiting = 256;

    private readonly Lock _gate = new();
    private readonly List<Channel<byte[]>> _watchers = [];
    private readonly Queue<byte[]> _tail = new();
    private int _tailLength;
    private bool _ended;

    /// <summary>What takes keys of those who are attached; null if the guest reads nothing.</summary>
    internal Func<ReadOnlyMemory<byte>, ValueTask>? Input { get; set; }

    /// <summary>The guest has printed something.</summary>
    internal void Write(ReadOnlySpan<byte> bytes)
    {
        log.Write(bytes);
        byte[] piece = bytes.ToArray();
        lock (_gate)
        {
            _tail.Enqueue(piece);
            for (_tailLength += piece.Length; _tailLength > TailBytes && _tail.Count > 1;) _tailLength -= _tail.Dequeue().Length;
            // Who does not read for that long is cut off: the guest does not wait for watchers.
            _watchers.RemoveAll(w => !w.Writer.TryWrite(piece) && w.Writer.TryComplete());
        }
    }

    /// <summary>Begins to watch.</summary>
    internal Channel<byte[]> Watch()
    {
        Channel<byte[]> watcher = Channel.CreateBounded<byte[]>(MostWaiting);
        lock (_gate)
        {
            if (_tailLength != 0) watcher.Writer.TryWrite(Tail());
            if (_ended) watcher.Writer.TryComplete();
            else _watchers.Add(watcher);
        }
        return watcher;
    }

    internal void Forget(Channel<byte[]> watcher)
    {
        lock (_gate) _watchers.Remove(watcher);
    }

    /// <summary>Ends all watching.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _ended = true;
            foreach (Channel<byte[]> watcher in _watchers) watcher.Writer.TryComplete();
            _watchers.Clear();
        }
        log.Dispose();
    }

    // From the beginning of a line on, so that no half of a character or of an escape sequence comes first.
    private byte[] Tail()
    {
        byte[] all = [.. _tail.SelectMany(static p => p)];
        if (all.Length <= TailBytes) return all;
        int line = Array.IndexOf(all, (byte)'\n', all.Length - TailBytes);
        return line < 0 ? all[^TailBytes..] : all[(line + 1)..];
    }
}
