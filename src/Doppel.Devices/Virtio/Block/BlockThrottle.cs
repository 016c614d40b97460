namespace Doppel.Devices.Virtio.Block;

/// <summary>
/// Holds requests back that come faster than <see cref="BlockRates"/> allow, reads and writes in an order of their own; what is neither passes.
/// Thread contract: one thread at a time.
/// </summary>
internal sealed class BlockThrottle
{
    private readonly Direction _reads, _writes;

    internal BlockThrottle(BlockRates rates)
    {
        // A bucket for both directions is the same in both lists.
        TokenBucket? requests = Create(rates.Requests, rates), bytes = Create(rates.Bytes, rates);
        _reads = new Direction([requests, Create(rates.Reads, rates)], [bytes, Create(rates.ReadBytes, rates)]);
        _writes = new Direction([requests, Create(rates.Writes, rates)], [bytes, Create(rates.WrittenBytes, rates)]);
    }

    /// <summary>Takes a request that may start now, or keeps it.</summary>
    /// <returns>True if it may start.</returns>
    internal bool TryAdmit(BlockRequest request, long nowNs) =>
        DirectionOf(request) is not { } direction || direction.TryAdmit(request, nowNs);

    /// <summary>When the next kept request may start, in nanoseconds; <see cref="long.MaxValue"/> if none is kept.</summary>
    internal long DueNs(long nowNs) => Math.Min(_reads.DueNs(nowNs), _writes.DueNs(nowNs));

    /// <summary>Gives back the kept requests that may start now.</summary>
    internal void Release(long nowNs, Queue<BlockRequest> ready)
    {
        // Both share buckets, so the direction that gives first must not always be the same.
        (Direction first, Direction second) = _reads.OldestNs <= _writes.OldestNs ? (_reads, _writes) : (_writes, _reads);
        first.Release(nowNs, ready);
        second.Release(nowNs, ready);
    }

    /// <summary>Forgets the kept requests of a queue, which are given to the caller.</summary>
    internal void Drop(int queue, List<BlockRequest> dropped)
    {
        _reads.Drop(queue, dropped);
        _writes.Drop(queue, dropped);
    }

    private static TokenBucket? Create(long perSecond, BlockRates rates) =>
        perSecond == 0 ? null : new TokenBucket(perSecond, Math.Max(1, perSecond * rates.BurstSeconds));

    private Direction? DirectionOf(BlockRequest request) => request.Kind switch
    {
        BlockRequestKind.Read => _reads,
        BlockRequestKind.Write or BlockRequestKind.Discard or BlockRequestKind.WriteZeroes => _writes,
        _ => null,
    };

    private sealed class Direction
    {
        private readonly Queue<BlockRequest> _kept = new();
        private readonly TokenBucket[] _requests, _bytes;

        internal Direction(TokenBucket?[] requests, TokenBucket?[] bytes)
        {
            _requests = [.. requests.OfType<TokenBucket>()];
            _bytes = [.. bytes.OfType<TokenBucket>()];
        }

        internal long OldestNs => _kept.TryPeek(out BlockRequest? oldest) ? oldest.KeptSinceNs : long.MaxValue;

        internal bool TryAdmit(BlockRequest request, long nowNs)
        {
            if (_kept.Count == 0 && BucketsDueNs(nowNs) <= nowNs)
            {
                Charge(request);
                return true;
            }
            request.KeptSinceNs = nowNs;
            _kept.Enqueue(request);
            return false;
        }

        internal void Release(long nowNs, Queue<BlockRequest> ready)
        {
            while (_kept.Count != 0 && BucketsDueNs(nowNs) <= nowNs)
            {
                BlockRequest request = _kept.Dequeue();
                Charge(request);
                ready.Enqueue(request);
            }
        }

        internal long DueNs(long nowNs) => _kept.Count == 0 ? long.MaxValue : BucketsDueNs(nowNs);

        internal void Drop(int queue, List<BlockRequest> dropped)
        {
            for (int i = _kept.Count; i > 0; i--)
            {
                BlockRequest request = _kept.Dequeue();
                if (request.Queue == queue) dropped.Add(request);
                else _kept.Enqueue(request);
            }
        }

        private long BucketsDueNs(long nowNs)
        {
            long due = nowNs;
            foreach (TokenBucket bucket in _requests) due = Math.Max(due, bucket.DueNs(nowNs));
            foreach (TokenBucket bucket in _bytes) due = Math.Max(due, bucket.DueNs(nowNs));
            return due;
        }

        private void Charge(BlockRequest request)
        {
            foreach (TokenBucket bucket in _requests) bucket.Take(1);
            foreach (TokenBucket bucket in _bytes) bucket.Take(request.Bytes);
        }
    }
}
