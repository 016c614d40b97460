namespace Doppel.Devices.Virtio.Block;

/// <summary>What a disk has done. Times are of the host, and of requests, not of the clock: of several at once each counts.</summary>
/// <param name="Requests">Requests that ended well.</param>
/// <param name="Bytes">Bytes that they moved.</param>
/// <param name="Time">How long they took in the back end.</param>
public readonly record struct BlockCount(ulong Requests, ulong Bytes, TimeSpan Time);

/// <summary>Counts what a disk does, for as long as its back end lives. Thread contract: all members from any thread.</summary>
public sealed class BlockCounters
{
    private readonly Counter _reads = new(), _writes = new(), _flushes = new(), _discards = new(), _failures = new();

    /// <summary>Reads.</summary>
    public BlockCount Reads => _reads.Value;

    /// <summary>Writes.</summary>
    public BlockCount Writes => _writes.Value;

    /// <summary>Flushes; they move no bytes.</summary>
    public BlockCount Flushes => _flushes.Value;

    /// <summary>Discards and requests to write zeroes; their bytes are not counted.</summary>
    public BlockCount Discards => _discards.Value;

    /// <summary>Requests of any kind that failed; their bytes are not counted.</summary>
    public BlockCount Failures => _failures.Value;

    internal void Add(BlockRequestKind kind, bool succeeded, uint bytes, long ns)
    {
        bool moves = succeeded && kind is BlockRequestKind.Read or BlockRequestKind.Write;
        CounterOf(kind, succeeded)?.Add(moves ? bytes : 0, ns);
    }

    private Counter? CounterOf(BlockRequestKind kind, bool succeeded) => kind switch
    {
        _ when !succeeded => _failures,
        BlockRequestKind.Read => _reads,
        BlockRequestKind.Write => _writes,
        BlockRequestKind.Flush => _flushes,
        BlockRequestKind.Discard or BlockRequestKind.WriteZeroes => _discards,
        _ => null,
    };

    private sealed class Counter
    {
        private long _requests, _bytes, _ns;

        internal BlockCount Value =>
            new((ulong)Volatile.Read(ref _requests), (ulong)Volatile.Read(ref _bytes), TimeSpan.FromTicks(Volatile.Read(ref _ns) / 100));

        internal void Add(long bytes, long ns)
        {
            Interlocked.Increment(ref _requests);
            Interlocked.Add(ref _bytes, bytes);
            Interlocked.Add(ref _ns, ns);
        }
    }
}
