using System.Buffers.Binary;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Balloon;

/// <summary>All state of a <see cref="VirtioBalloon"/> that is not in its queues: plain data.</summary>
public struct VirtioBalloonState
{
    /// <summary>Feature bits that the driver chose.</summary>
    public ulong Features;

    /// <summary>Pages in the balloon, as the driver has written them.</summary>
    public uint ActualPages;
}

/// <summary>
/// The memory balloon (virtio 1.2, section 5.5): the guest gives pages back to the host, when it is asked to (inflate) or because it has no use
/// for them now (free-page reporting). Such a page takes no host memory until the guest touches it again; it reads as zero then.
/// Thread contract: as <see cref="IVirtioDevice"/>; each queue is served under its lock, on the thread that notifies.
/// </summary>
public sealed class VirtioBalloon : IVirtioDevice
{
    private const ulong StatisticsQueue = 1 << 1, DeflateOnOom = 1 << 2, PageReporting = 1 << 5;
    private const int ConfigLength = 8, ActualOffset = 4, PageNumberBytes = 4, MaxPagesOfRequest = 1024, MaxStatisticsBytes = 1024;

    private readonly BalloonControl _control;
    private readonly Action<string> _log;
    private readonly Lock _gate = new();
    private readonly uint[] _pages = new uint[MaxPagesOfRequest];
    private readonly Role[] _roles = new Role[4];
    private IVirtioTransport? _transport;
    private VirtQueueChain[] _chains = [];
    private VirtQueueChain? _statistics;
    private TaskCompletionSource<BalloonStatistics?>? _query;
    private VirtioBalloonState _state;
    private uint _generation;
    private ulong _givenBack;
    private bool _holdsStatistics, _hasComplained, _isHeld;

    /// <summary>Creates the device.</summary>
    /// <param name="control">What the host wants of it.</param>
    /// <param name="log">Receives one line when the host does not take memory back.</param>
    public VirtioBalloon(BalloonControl control, Action<string> log)
    {
        _control = control;
        _log = log;
    }

    // What a queue is for. A queue whose feature was not agreed on does not exist, and those behind it move up (section 5.5.2).
    private enum Role
    {
        None,
        Inflate,
        Deflate,
        Statistics,
        Reporting,
    }

    /// <summary>A copy of the state.</summary>
    public VirtioBalloonState State
    {
        get
        {
            lock (_gate) return _state;
        }
    }

    /// <inheritdoc/>
    public uint DeviceId => 5;

    /// <inheritdoc/>
    public ulong Features => StatisticsQueue | DeflateOnOom | PageReporting;

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; } = [128, 128, 16, 128];

    /// <inheritdoc/>
    public uint ConfigGeneration => Volatile.Read(ref _generation);

    /// <summary>Pages in the balloon, by the driver's word.</summary>
    internal uint ActualPages => State.ActualPages;

    internal ulong GivenBackBytes => Volatile.Read(ref _givenBack);

    /// <inheritdoc/>
    public void Attach(IVirtioTransport transport)
    {
        _transport = transport;
        // One for each queue: they have locks of their own, and different processors notify them at once.
        _chains = [.. QueueSizes.Select(_ => new VirtQueueChain(transport.Memory))];
        _statistics = new VirtQueueChain(transport.Memory);
        _control.Attach(this);
    }

    /// <inheritdoc/>
    public void ReadConfig(uint offset, Span<byte> data)
    {
        Span<byte> config = stackalloc byte[ConfigLength];
        BinaryPrimitives.WriteUInt32LittleEndian(config, _control.WantedPages);
        BinaryPrimitives.WriteUInt32LittleEndian(config[ActualOffset..], ActualPages);
        ConfigSpace.Read(config, offset, data);
    }

    /// <inheritdoc/>
    public void WriteConfig(uint offset, ReadOnlySpan<byte> data)
    {
        if (offset != ActualOffset || data.Length != sizeof(uint)) return;
        lock (_gate) _state.ActualPages = BinaryPrimitives.ReadUInt32LittleEndian(data);
    }

    /// <inheritdoc/>
    public void Activate(ulong features)
    {
        lock (_gate)
        {
            _state.Features = features;
            int count = 0;
            _roles[count++] = Role.Inflate;
            _roles[count++] = Role.Deflate;
            if ((features & StatisticsQueue) != 0) _roles[count++] = Role.Statistics;
            if ((features & PageReporting) != 0) _roles[count] = Role.Reporting;
        }
    }

    /// <inheritdoc/>
    public void Notify(int queue)
    {
        Role role;
        lock (_gate) role = _roles[queue];
        if (role == Role.Statistics) TakeStatistics(queue);
        else if (role != Role.None) Serve(queue, role);
    }

    // A query gives the driver a buffer back.
    /// <inheritdoc/>
    public void Quiesce()
    {
        lock (_gate) _isHeld = true;
    }

    /// <inheritdoc/>
    public void Resume()
    {
        lock (_gate) _isHeld = false;
    }

    /// <inheritdoc/>
    public void Reset()
    {
        TaskCompletionSource<BalloonStatistics?>? query;
        lock (_gate)
        {
            _state = default;
            Array.Clear(_roles);
            _holdsStatistics = false;
            (query, _query) = (_query, null);
        }
        query?.TrySetResult(null);
    }

    /// <summary>Nobody asks this device any more.</summary>
    public void Dispose()
    {
        Reset();
        _control.Attach(null);
    }

    /// <summary>The host wants another number of pages. Any thread.</summary>
    internal void TargetChanged()
    {
        Interlocked.Increment(ref _generation);
        _transport!.SignalConfigChange();
    }

    /// <summary>Asks the driver for its figures; null if it has no queue for them, or stands still. Any thread.</summary>
    internal async Task<BalloonStatistics?> QueryAsync(CancellationToken cancellationToken)
    {
        Task<BalloonStatistics?> answer;
        lock (_gate)
        {
            if (_isHeld || (!_holdsStatistics && _query is null)) return null;
            bool asks = _query is null;
            _query ??= new TaskCompletionSource<BalloonStatistics?>(TaskCreationOptions.RunContinuationsAsynchronously);
            answer = _query.Task;
            // Section 5.5.6.3: a buffer that comes back is the request for the next one.
            if (asks) GiveStatisticsBack();
        }
        return await answer.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private void GiveStatisticsBack()
    {
        int number = Array.IndexOf(_roles, Role.Statistics);
        VirtQueue queue = _transport!.Queues[number];
        bool signal;
        lock (queue.Gate)
        {
            _holdsStatistics = false;
            queue.Push(_statistics!, 0);
            signal = queue.NeedsSignal();
        }
        if (signal) _transport.SignalQueue(number);
    }

    // The first buffer comes unasked, and is kept until somebody wants to know.
    private void TakeStatistics(int number)
    {
        VirtQueue queue = _transport!.Queues[number];
        TaskCompletionSource<BalloonStatistics?>? query = null;
        BalloonStatistics? figures = null;
        lock (_gate)
        {
            lock (queue.Gate)
            {
                if (_holdsStatistics && queue.Owns(_statistics!)) return;
                bool taken = queue.TryPop(_statistics!);
                queue.EnableNotifications();
                if (!taken) return;
                _holdsStatistics = true;
                if (_query is not null)
                {
                    Span<byte> bytes = stackalloc byte[MaxStatisticsBytes];
                    figures = BalloonStatistics.Read(bytes[.._statistics!.CopyOut(0, bytes)]);
                    (query, _query) = (_query, null);
                }
            }
        }
        query?.TrySetResult(figures);
    }

    private void Serve(int number, Role role)
    {
        VirtQueue queue = _transport!.Queues[number];
        VirtQueueChain chain = _chains[number];
        bool signal;
        lock (queue.Gate)
        {
            do
            {
                while (queue.TryPop(chain))
                {
                    if (role == Role.Inflate) Inflate(chain);
                    else if (role == Role.Reporting) TakeReported(chain);
                    queue.Push(chain, 0);
                }
            }
            while (!queue.EnableNotifications());
            signal = queue.NeedsSignal();
        }
        if (signal) _transport.SignalQueue(number);
    }

    // Numbers of pages, in no order. Neighbours go back in one piece: each call costs the host a flush of its TLBs.
    private void Inflate(VirtQueueChain chain)
    {
        uint offset = 0;
        int count;
        Span<byte> bytes = stackalloc byte[MaxPagesOfRequest * PageNumberBytes];
        do
        {
            int length = chain.CopyOut(offset, bytes);
            count = length / PageNumberBytes;
            for (int i = 0; i < count; i++) _pages[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(i * PageNumberBytes)..]);
            TakePages(_pages.AsSpan(0, count));
            offset += (uint)length;
        }
        while (count == MaxPagesOfRequest);
    }

    private void TakePages(Span<uint> pages)
    {
        pages.Sort();
        for (int first = 0; first < pages.Length;)
        {
            int end = first + 1;
            while (end < pages.Length && pages[end] - pages[end - 1] <= 1) end++;
            ulong from = pages[first], to = (ulong)pages[end - 1] + 1;
            Discard(from * BalloonControl.PageBytes, (to - from) * BalloonControl.PageBytes);
            first = end;
        }
    }

    // Section 5.5.6.6: each device-writable buffer is a free stretch of memory.
    private void TakeReported(VirtQueueChain chain)
    {
        for (int i = 0; chain.TryGetWritableRange(i, out ulong gpa, out uint length); i++)
        {
            ulong from = (gpa + BalloonControl.PageBytes - 1) & ~(ulong)(BalloonControl.PageBytes - 1);
            ulong to = (gpa + length) & ~(ulong)(BalloonControl.PageBytes - 1);
            if (to > from) Discard(from, to - from);
        }
    }

    // Pages outside of RAM are the driver's error, and nothing that could be given back.
    private void Discard(ulong gpa, ulong length)
    {
        if (_transport!.Memory.TryDiscard(gpa, length, out string? problem))
        {
            Interlocked.Add(ref _givenBack, length);
            return;
        }
        if (problem is not null && !_hasComplained) _log($"virtio balloon: {problem}");
        _hasComplained |= problem is not null;
    }
}
