using Doppel.Core.Memory;

namespace Doppel.Devices.Virtio.Block;

/// <summary>
/// Where each request of a disk is: kept back by a limit, ready, under way, waiting for space on the host, or free to be used for another
/// one; and how many threads look for more. Tells who waits for it when a queue, or the disk, has none under way.
/// Thread contract: one thread at a time; requests that are under way belong to the thread that took them.
/// </summary>
internal sealed class BlockLedger(BlockThrottle throttle, int queues)
{
    private readonly Queue<BlockRequest> _ready = new(), _stalled = new();
    private readonly Stack<BlockRequest> _free = new();
    private readonly int[] _taken = new int[queues];
    private ManualResetEventSlim? _drained, _quiet;
    private int _drainedQueue = -1;
    private int _underWay, _looking;

    internal int ReadyCount => _ready.Count;

    /// <summary>Somebody will take what is ready, and what the rings hold.</summary>
    internal bool IsLookedAfter => _looking != 0;

    // Whoever looks may be about to take a request from a ring.
    private bool IsQuiet => _underWay == 0 && _ready.Count == 0 && _looking == 0;

    internal bool HasStalled => _stalled.Count != 0;

    internal int Queues => _taken.Length;

    /// <summary>Requests of a queue that were taken from its ring and not given back.</summary>
    internal int TakenFrom(int queue) => _taken[queue];

    /// <summary>A thread will look for requests until <see cref="EndLooking"/>.</summary>
    internal void BeginLooking() => _looking++;

    internal void EndLooking()
    {
        _looking--;
        SignalQuiet();
    }

    /// <summary>An empty request, to be taken from a ring.</summary>
    internal BlockRequest Rent(GuestMemory memory) => _free.TryPop(out BlockRequest? request) ? request : new BlockRequest(memory);

    /// <summary>It is still empty.</summary>
    internal void Return(BlockRequest request) => _free.Push(request);

    /// <summary>A request was taken from a ring: it is ready, or is kept back.</summary>
    /// <returns>When requests that are kept back are due, in nanoseconds, if this one is.</returns>
    internal long? Admit(BlockRequest request, long nowNs)
    {
        _taken[request.Queue]++;
        if (!throttle.TryAdmit(request, nowNs)) return throttle.DueNs(nowNs);
        _ready.Enqueue(request);
        return null;
    }

    /// <summary>Makes ready what was kept back and may start now.</summary>
    /// <returns>When the next is due, in nanoseconds; <see cref="long.MaxValue"/> if none is kept.</returns>
    internal long ReleaseKept(long nowNs)
    {
        throttle.Release(nowNs, _ready);
        return throttle.DueNs(nowNs);
    }

    /// <summary>Takes a ready request, which is under way from here on.</summary>
    internal BlockRequest? TakeReady()
    {
        if (!_ready.TryDequeue(out BlockRequest? request)) return null;
        _underWay++;
        return request;
    }

    /// <summary>A request that is under way becomes ready again.</summary>
    internal void MakeReady(BlockRequest request)
    {
        _underWay--;
        _ready.Enqueue(request);
    }

    /// <summary>A request that is under way waits until <see cref="RetryStalled"/>.</summary>
    internal void Stall(BlockRequest request)
    {
        _underWay--;
        request.HasWaited = true;
        // Whoever drains the queue waits for this one too: it is forgotten like all that were not begun.
        if (request.Queue == _drainedQueue) Release(request);
        else _stalled.Enqueue(request);
        SignalQuiet();
    }

    internal void RetryStalled()
    {
        while (_stalled.TryDequeue(out BlockRequest? request)) _ready.Enqueue(request);
    }

    /// <summary>Requests that were under way are the driver's again: the first, and those that hang on it.</summary>
    internal void Finish(BlockRequest? first)
    {
        while (first is not null)
        {
            BlockRequest? next = first.Next;
            _underWay--;
            Release(first);
            first = next;
        }
        SignalQuiet();
    }

    /// <summary>Forgets requests of a queue that were not begun.</summary>
    /// <returns>What is set when none of its requests is under way; null if none is. One caller at a time.</returns>
    internal ManualResetEventSlim? Drain(int queue)
    {
        List<BlockRequest> dropped = [];
        throttle.Drop(queue, dropped);
        Drop(_ready, queue, dropped);
        Drop(_stalled, queue, dropped);
        foreach (BlockRequest request in dropped) Release(request);
        SignalQuiet();
        if (_taken[queue] == 0) return null;
        _drainedQueue = queue;
        return _drained = new ManualResetEventSlim(false);
    }

    /// <summary>What is set when no request is ready or under way, and nobody looks for one; null if so. One caller at a time.</summary>
    internal ManualResetEventSlim? Quiesce() => IsQuiet ? null : _quiet = new ManualResetEventSlim(false);

    private static void Drop(Queue<BlockRequest> requests, int queue, List<BlockRequest> dropped)
    {
        for (int i = requests.Count; i > 0; i--)
        {
            BlockRequest request = requests.Dequeue();
            if (request.Queue == queue) dropped.Add(request);
            else requests.Enqueue(request);
        }
    }

    private void Release(BlockRequest request)
    {
        request.Next = null;
        _free.Push(request);
        if (--_taken[request.Queue] != 0 || request.Queue != _drainedQueue) return;
        _drainedQueue = -1;
        _drained!.Set();
    }

    private void SignalQuiet()
    {
        if (_quiet is null || !IsQuiet) return;
        _quiet.Set();
        _quiet = null;
    }
}
