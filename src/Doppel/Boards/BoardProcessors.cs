using Doppel.Core.Execution;
using Doppel.Core.Sharing;
using Doppel.Host;

namespace Doppel.Boards;

/// <summary>Keeps a board's vCPU threads within what the configuration gives them of the host. Thread contract: one owner.</summary>
internal sealed class BoardProcessors : IDisposable
{
    private readonly ProcessorSeat? _seat;
    private readonly GovernorThread? _thread;

    /// <param name="share">What they may use.</param>
    /// <param name="scheduler">What runs them; it was not resumed yet.</param>
    public BoardProcessors(CpuShareConfig share, VcpuScheduler scheduler)
    {
        if (share is { Limit: null, Group: null }) return;
        IReadOnlyList<int> processors = share.Pinned.Count > 0 ? share.Pinned : HostProcessors.Available;
        _seat = share.Group?.Table.Take(share.Weight, processors);
        _thread = new GovernorThread(new ProcessorGovernor(scheduler.Lanes, _seat, share.Limit, processors.Count));
        scheduler.BecameBusy = _thread.Wake;
    }

    /// <summary>The processors that vCPU threads are to be pinned to, in ascending order; empty for no pinning.</summary>
    /// <exception cref="VirtualMachineException">One of them is not there for us.</exception>
    public static IReadOnlyList<int> PinnedOf(CpuShareConfig share)
    {
        if (share.Pinned.Count == 0) return [];
        IReadOnlyList<int> available = HostProcessors.Available;
        int[] missing = [.. share.Pinned.Except(available)];
        if (missing.Length == 0) return [.. share.Pinned.Order()];
        throw new VirtualMachineException($"--pin: this host gives us no processor {string.Join(", ", missing)}; there are {string.Join(", ", available)}");
    }

    /// <summary>Ends the supervision. Call it before the scheduler is disposed: lanes that are held stay so until then.</summary>
    public void Dispose()
    {
        _thread?.Dispose();
        _seat?.Leave();
    }
}
