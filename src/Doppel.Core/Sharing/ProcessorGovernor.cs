using Doppel.Core.Execution;

namespace Doppel.Core.Sharing;

/// <summary>
/// Keeps a machine within its share of the host's processors: looks every few milliseconds at what its lanes have used, and holds some of them, or all,
/// for the time that follows. Thread contract: <see cref="Look"/> by one thread at a time.
/// </summary>
/// <param name="lanes">The machine's threads.</param>
/// <param name="seat">Its place among the machines that it shares with; null to share with none.</param>
/// <param name="limit">Processors' worth of time that it may use at most; null for no limit.</param>
/// <param name="processors">Host processors that the lanes may use.</param>
public sealed class ProcessorGovernor(IReadOnlyList<IVcpuLane> lanes, ProcessorSeat? seat, double? limit, int processors)
{
    /// <summary>Time between two looks while the machine is busy, in nanoseconds.</summary>
    public const long PeriodNs = 10_000_000;

    /// <summary>The same while it has no limit and nobody else claims anything.</summary>
    public const long AlonePeriodNs = 100_000_000;

    private const long BurstNs = 100_000_000;

    // Time over which values are smoothed.
    private const double SmoothNs = 4 * PeriodNs;
    private const double LeastDemand = 0.05;

    private readonly ProcessorQuota? _quota = limit is { } rate ? new ProcessorQuota(rate, BurstNs) : null;
    private readonly long[] _seen = new long[lanes.Count];
    private long? _lookedNs;
    private double _demand, _use;
    private bool _claims, _hasRivals;
    private int _turn;

    /// <summary>Processor time that the lanes have used so far, in nanoseconds.</summary>
    public long UsedNs { get; private set; }

    /// <summary>Looks, and holds or releases lanes.</summary>
    /// <param name="nowNs">Time on the host's clock.</param>
    /// <returns>After how many nanoseconds it wants to look again; -1 if not before a lane becomes busy.</returns>
    public long Look(long nowNs)
    {
        long used = CountUse();
        UsedNs += used;
        _quota?.Use(nowNs, used);
        int busy = lanes.Count(static l => l.IsBusy);
        int permits = seat is null ? lanes.Count : Share(nowNs, used, busy);
        if (_quota is { IsSpent: true }) permits = 0;
        Hold(permits, busy);
        _lookedNs = nowNs;
        if (busy == 0 && !_claims && permits != 0) return -1;
        return _quota is null && !_hasRivals ? AlonePeriodNs : PeriodNs;
    }

    /// <summary>Releases all lanes.</summary>
    public void Release() => Hold(lanes.Count, busy: 0);

    private long CountUse()
    {
        long used = 0;
        for (int i = 0; i < lanes.Count; i++)
        {
            // A thread that has ended says zero.
            long now = Math.Max(_seen[i], lanes[i].ProcessorTimeNs);
            used += now - _seen[i];
            _seen[i] = now;
        }
        return used;
    }

    private int Share(long nowNs, long used, int busy)
    {
        Smooth(nowNs, used, busy);
        bool claimed = _claims;
        _claims = _demand >= LeastDemand;
        long mine = seat!.VirtualNs + FairShare.ToVirtual(used, seat.Weight);
        List<ProcessorClaim> rivals = seat.ReadRivals(nowNs);
        _hasRivals = rivals.Count > 0;
        if (_claims) mine = FairShare.Place(mine, rivals, begins: !claimed);
        seat.Publish(nowNs, mine, _claims ? _demand : 0, _use);
        int permits = _claims ? seat.ReadPermits(nowNs) : processors;
        return permits >= processors ? lanes.Count : permits;
    }

    private void Smooth(long nowNs, long used, int busy)
    {
        long elapsed = nowNs - (_lookedNs ?? (nowNs - PeriodNs));
        double newest = Math.Min(1, elapsed / SmoothNs);
        double wants = Math.Min(Math.Min(busy, processors), limit ?? double.MaxValue);
        double uses = elapsed > 0 ? (double)used / elapsed : 0;
        _demand += newest * (wants - _demand);
        _use += newest * (uses - _use);
    }

    // Those that may run take turns, from look to look.
    private void Hold(int permits, int busy)
    {
        bool isTight = permits < busy;
        _turn = isTight && permits > 0 ? (_turn + permits) % lanes.Count : _turn;
        int left = permits;
        for (int i = 0; i < lanes.Count; i++)
        {
            IVcpuLane lane = lanes[(_turn + i) % lanes.Count];
            // A lane with nothing to do may begin at once when it has: that is seen at the next look.
            bool mayRun = !isTight || (permits > 0 && (!lane.IsBusy || left-- > 0));
            lane.IsHeld = !mayRun;
        }
    }
}
