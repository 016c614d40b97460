using Doppel.Core.Execution;
using Doppel.Core.Time;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Block;

/// <summary>
/// Brings requests from the rings of a disk to its back end and back, in any order: the guest has no promise of one, and a flush covers only what had
/// ended before it was asked for (virtio 1.2, section 5.2.6.2).
/// In real time a few threads of the device's own do it. One of them is enough while the host answers from its cache; a request that may wait for
/// storage is left by itself, and the next thread takes the next one. What the host's cache holds is read within the notification, because to hand
/// such a request over takes longer than to answer it. In deterministic time all is done within the notification.
/// Thread contract: all members from any thread; <see cref="Drain"/> and <see cref="Dispose"/> one at a time. The lock of this class is taken before
/// that of a queue. It guards everything here, the ledger too.
/// </summary>
internal sealed class BlockDispatcher : IDisposable
{
    private const int MaxWorkers = 8;

    // Requests that are taken from the rings ahead of their execution.
    private const int ReadyLimit = 64;

    // The driver learns of finished requests in batches: of so many, and not later than this after the first.
    private const int BatchSize = 16;
    private const long BatchNs = 50_000;

    // What a vCPU does itself within a notification, in requests and in bytes of each.
    private const int InlineRequests = 4, InlineBytes = 64 << 10;

    // How long a request waits for space on the host before it is tried again.
    private const long RetryNs = 1_000_000_000;

    // A write into the host's cache takes less than this, and a nanosecond for two bytes on top.
    private const long QuickWriteNs = 40_000;

    private readonly Lock _gate = new();
    private readonly BlockExecutor _executor;
    private readonly BlockLedger _ledger;
    private readonly MachineTime _time;
    private readonly MachineTimer _throttled, _retry;
    private readonly string _name;
    private readonly bool _isConcurrent, _canWait;
    private readonly List<Worker> _workers = [];
    private readonly Stack<Worker> _idle = new();
    private IVirtioTransport? _transport;
    private int _nextQueue;
    private bool _stopping;
    private long _writeNs = 16 * QuickWriteNs;

    internal BlockDispatcher(BlockExecutor executor, VirtioBlockOptions options, bool isConcurrent, MachineTime time)
    {
        _executor = executor;
        _ledger = new BlockLedger(new BlockThrottle(options.Rates), options.Queues);
        _time = time;
        _throttled = time.CreateTimer(OnThrottled);
        _retry = time.CreateTimer(OnRetry);
        _canWait = !options.FailWhenFull && !time.IsDeterministic;
        _name = $"doppel-disk-{options.Serial}";
        _isConcurrent = isConcurrent;
    }

    internal void Attach(IVirtioTransport transport) => _transport = transport;

    /// <summary>There may be requests on a queue.</summary>
    internal void Notify()
    {
        lock (_gate)
        {
            // Whoever looks for requests finds these too.
            if (_stopping || _ledger.IsLookedAfter) return;
            if (!_time.IsDeterministic)
            {
                Fetch();
                if (_ledger.ReadyCount == 0) return;
                if (!_isConcurrent || _ledger.ReadyCount > InlineRequests)
                {
                    Wake();
                    return;
                }
            }
            _ledger.BeginLooking();
        }
        if (_time.IsDeterministic) RunAll();
        else RunCachedReads();
    }

    /// <summary>Returns when no request of a queue is under way, after the queue was stopped; those that were not begun are forgotten.</summary>
    internal void Drain(int queue)
    {
        ManualResetEventSlim? drained;
        lock (_gate) drained = _ledger.Drain(queue);
        drained?.Wait();
        drained?.Dispose();
    }

    /// <summary>
    /// Returns when no request is under way or about to be taken from a ring, other than those that wait for their turn or for space. The guest makes
    /// no new ones meanwhile.
    /// </summary>
    internal void Quiesce()
    {
        ManualResetEventSlim? quiet;
        lock (_gate) quiet = _ledger.Quiesce();
        quiet?.Wait();
        quiet?.Dispose();
    }

    /// <summary>Ends the threads after the requests at hand.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_stopping) return;
            _stopping = true;
            _throttled.Disarm();
            _retry.Disarm();
            foreach (Worker worker in _workers) worker.Signal.Raise();
        }
        foreach (Worker worker in _workers) worker.Thread.Join();
        foreach (Worker worker in _workers) worker.Signal.Dispose();
    }

    private void Work(Worker worker)
    {
        while (true)
        {
            Run(worker);
            worker.Signal.Wait();
            lock (_gate)
            {
                if (_stopping) return;
            }
        }
    }

    private void Run(Worker worker)
    {
        BlockBatch batch = default;
        while (Take(worker) is { } request)
        {
            if (_executor.TryReadCached(request)) batch.Add(request);
            else if (MayWait(request)) RunAway(request, ref batch);
            else RunHere(request, ref batch);
            if (batch.Count >= BatchSize || (batch.Count > 0 && HostClock.NowNs - batch.SinceNs > BatchNs)) Complete(ref batch);
        }
        Complete(ref batch);
    }

    private void RunHere(BlockRequest request, ref BlockBatch batch)
    {
        if (TryExecute(request)) batch.Add(request);
    }

    private void RunAway(BlockRequest request, ref BlockBatch batch)
    {
        Complete(ref batch);
        lock (_gate)
        {
            _ledger.EndLooking();
            if (!_ledger.IsLookedAfter)
            {
                Fetch();
                if (_ledger.ReadyCount != 0) Wake();
            }
        }
        if (TryExecute(request)) batch.Add(request);
        lock (_gate) _ledger.BeginLooking();
    }

    private void RunAll()
    {
        BlockBatch batch = default;
        while (Take(null) is { } request)
        {
            RunHere(request, ref batch);
            if (batch.Count >= BatchSize) Complete(ref batch);
        }
        Complete(ref batch);
    }

    private void RunCachedReads()
    {
        BlockBatch batch = default;
        while (batch.Count < InlineRequests && Take(null) is { } request)
        {
            if (request.Bytes <= InlineBytes && _executor.TryReadCached(request))
            {
                batch.Add(request);
                continue;
            }
            HandOver(request);
            Complete(ref batch);
            return;
        }
        if (batch.Count == InlineRequests) HandOver(null);
        Complete(ref batch);
    }

    private void HandOver(BlockRequest? request)
    {
        lock (_gate)
        {
            _ledger.EndLooking();
            if (request is not null) _ledger.MakeReady(request);
            if (_ledger.IsLookedAfter) return;
            Fetch();
            if (_ledger.ReadyCount != 0) Wake();
        }
    }

    // False if the request was put aside: whoever looks for requests gets it again, and has nothing to give back to the driver.
    private bool TryExecute(BlockRequest request)
    {
        if (_executor.Execute(request, _canWait) is not { } ns)
        {
            Stall(request);
            return false;
        }
        if (request.HasWaited) ReportSpace();
        if (request.Kind != BlockRequestKind.Write) return true;
        // A running mean; two threads may lose one of their measurements.
        long mean = Volatile.Read(ref _writeNs);
        Volatile.Write(ref _writeNs, mean + ((Math.Max(0, ns - (request.Bytes / 2)) - mean) / 8));
        return true;
    }

    private void Stall(BlockRequest request)
    {
        lock (_gate)
        {
            _ledger.Stall(request);
            if (!_stopping && _ledger.HasStalled) _retry.Arm(_time.NowNs + RetryNs);
        }
    }

    private void ReportSpace()
    {
        lock (_gate)
        {
            if (_ledger.HasStalled) return;
        }
        _executor.ReportSpace();
    }

    private void OnRetry()
    {
        lock (_gate)
        {
            if (_stopping) return;
            _ledger.RetryStalled();
            if (!_ledger.IsLookedAfter && _ledger.ReadyCount != 0) Wake();
        }
    }

    private bool MayWait(BlockRequest request) => _isConcurrent && request.Kind switch
    {
        BlockRequestKind.Read or BlockRequestKind.Flush or BlockRequestKind.Discard or BlockRequestKind.WriteZeroes => true,
        BlockRequestKind.Write => _executor.WriteThrough || Volatile.Read(ref _writeNs) > QuickWriteNs,
        _ => false,
    };

    // Null if there is nothing to do; the caller then does not look for requests any more, and a worker is idle.
    private BlockRequest? Take(Worker? worker)
    {
        lock (_gate)
        {
            if (!_stopping && _ledger.ReadyCount == 0) Fetch();
            if (!_stopping && _ledger.TakeReady() is { } request) return request;
            _ledger.EndLooking();
            if (worker is not null) _idle.Push(worker);
            return null;
        }
    }

    private void Wake()
    {
        if (_stopping) return;
        if (_idle.TryPop(out Worker? worker))
        {
            _ledger.BeginLooking();
            worker.Signal.Raise();
        }
        else if (_workers.Count < (_isConcurrent ? MaxWorkers : 1))
        {
            _ledger.BeginLooking();
            Worker created = new(this, $"{_name}-{_workers.Count}");
            _workers.Add(created);
            created.Thread.Start();
        }
    }

    private void Fetch()
    {
        for (int i = 0; i < _ledger.Queues; i++) Fetch((_nextQueue + i) % _ledger.Queues);
        _nextQueue = (_nextQueue + 1) % _ledger.Queues;
    }

    private void Fetch(int index)
    {
        VirtQueue queue = _transport!.Queues[index];
        lock (queue.Gate)
        {
            do
            {
                while (HasRoom(queue, index) && TryFetchOne(queue, index))
                {
                    // Each is where it belongs.
                }
            }
            while (HasRoom(queue, index) && !queue.EnableNotifications());
        }
    }

    // A driver has no more requests under way than the queue has elements, and a few that were just given back; one with more must wait, or
    // it could fill the host's memory.
    private bool HasRoom(VirtQueue queue, int index) => _ledger.ReadyCount < ReadyLimit && _ledger.TakenFrom(index) < 2 * queue.MaxSize;

    private bool TryFetchOne(VirtQueue queue, int index)
    {
        BlockRequest request = _ledger.Rent(_transport!.Memory);
        if (!queue.TryPop(request.Chain))
        {
            _ledger.Return(request);
            return false;
        }
        if (!request.TryBegin(index))
        {
            _ledger.Return(request);
            return queue.Fail("a request has no header or no status");
        }
        if (_ledger.Admit(request, _time.NowNs) is { } dueNs) _throttled.Arm(dueNs);
        return true;
    }

    private void OnThrottled()
    {
        lock (_gate)
        {
            if (_stopping) return;
            long due = _ledger.ReleaseKept(_time.NowNs);
            if (due != long.MaxValue) _throttled.Arm(due);
            if (_ledger.ReadyCount == 0 || _ledger.IsLookedAfter) return;
            if (!_time.IsDeterministic)
            {
                Wake();
                return;
            }
            _ledger.BeginLooking();
        }
        RunAll();
    }

    // The used ring first, then the interrupt, and only then are they the driver's for good: a reset may wait for that.
    private void Complete(ref BlockBatch batch)
    {
        BlockRequest? first = batch.First;
        for (BlockRequest? request = first; request is not null;)
        {
            int index = request.Queue;
            VirtQueue queue = _transport!.Queues[index];
            bool signal;
            lock (queue.Gate)
            {
                for (; request is not null && request.Queue == index; request = request.Next) queue.Push(request.Chain, request.Written);
                signal = queue.NeedsSignal();
            }
            if (signal) _transport.SignalQueue(index);
        }
        batch = default;
        lock (_gate) _ledger.Finish(first);
    }

    private sealed class Worker
    {
        internal Worker(BlockDispatcher owner, string name) =>
            Thread = new Thread(() => owner.Work(this), maxStackSize: 256 << 10) { IsBackground = true, Name = name };

        internal VcpuSignal Signal { get; } = new();

        internal Thread Thread { get; }
    }
}
