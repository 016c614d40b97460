using Doppel.Core.Diagnostics;
using Doppel.Core.Execution;
using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;

namespace Doppel.RiscV.Engines;

/// <summary>The run loop around a hart, the same for every engine: budget, attention, waiting, interrupts.</summary>
internal abstract unsafe class HartVcpu : IRiscVVcpu
{
    private protected HartVcpu(int index, RiscVPlatform platform, HartGroup harts, int contextBytes)
    {
        Index = index;
        Hart = new Hart(index, platform, contextBytes);
        harts.Add(Hart);
    }

    /// <inheritdoc/>
    public int Index { get; }

    /// <inheritdoc/>
    public ulong Ticks => Hart.Context->Ticks;

    /// <inheritdoc/>
    public VcpuSignal Signal => Hart.Signal;

    /// <inheritdoc/>
    public bool IsStopped => Hart.IsStopped;

    /// <inheritdoc/>
    public RiscVStatistics Statistics => new()
    {
        Instructions = Ticks,
        Exceptions = [.. Hart.Traps.Exceptions],
        Interrupts = [.. Hart.Traps.Interrupts],
        MmioAccesses = Hart.Mmu.MmioAccesses,
        PageWalks = Hart.Mmu.PageWalks,
        Waits = Hart.Waits,
        FirmwareCalls = Hart.Traps.FirmwareCalls,
        CodeInvalidations = CodeInvalidations,
        Translation = Translation,
    };

    private protected Hart Hart { get; }

    /// <summary>How many instructions may run before the loop looks at Attention: a few microseconds.</summary>
    private protected abstract long SliceTicks { get; }

    /// <summary>Ticks at which the current run ends; a slice may end late, the run may not.</summary>
    private protected ulong EndTicks { get; private set; }

    private protected abstract ulong CodeInvalidations { get; }

    /// <summary>What the engine has translated, or null.</summary>
    private protected virtual TranslationStatistics? Translation => null;

    /// <inheritdoc/>
    public void RequestExit() => Hart.Request(Attention.Exit);

    /// <inheritdoc/>
    public void SetInterrupt(int bit, bool level) => Hart.SetInterrupt(bit, level);

    /// <inheritdoc/>
    public void RequestFence(in RemoteFence fence) => Hart.RequestFence(fence);

    /// <inheritdoc/>
    public void AwaitFences() => Hart.AwaitFences();

    /// <inheritdoc/>
    public void Load(in RiscVState state)
    {
        Hart.Context->State = state;
        Hart.StateReplaced();
    }

    /// <inheritdoc/>
    public void Save(ref RiscVState state) => state = Hart.Context->State;

    /// <inheritdoc/>
    public void Start(in RiscVState state)
    {
        Load(state);
        Hart.IsStopped = false;
        Hart.Signal.Raise();
    }

    /// <inheritdoc/>
    public VcpuExit Run(in RunBudget budget)
    {
        HartContext* c = Hart.Context;
        ulong end = budget.MaxTicks == long.MaxValue ? ulong.MaxValue : c->Ticks + (ulong)budget.MaxTicks;
        EndTicks = end;
        Hart.InGuest = true;
        try
        {
            while (true)
            {
                if (LooksAround() is { } exit) return exit;
                ulong left = end - c->Ticks;
                if (left == 0) return VcpuExit.BudgetSpent;
                long slice = (long)Math.Min(left, (ulong)SliceTicks);
                c->TickLimit = c->Ticks + (ulong)slice;
                c->Budget = slice;
                RunGuest();
                // What is left of the slice is not used up: ticks so far stay what they are.
                c->TickLimit = c->Ticks;
                c->Budget = 0;
            }
        }
        finally
        {
            Hart.InGuest = false;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        DisposeEngine();
        Hart.Dispose();
    }

    /// <summary>Runs guest code from the state's pc until the context's budget is used up or the loop must look around.</summary>
    private protected abstract void RunGuest();

    /// <summary>Drops decoded or translated code that is stale.</summary>
    private protected abstract void FenceInstructions();

    private protected abstract void DisposeEngine();

    /// <summary>True if the run loop would do something before the next instruction.</summary>
    private protected bool MustLookAround
    {
        get
        {
            HartContext* c = Hart.Context;
            return Volatile.Read(ref c->Attention) != 0 || c->State.Waiting != 0 || Hart.InstructionFence || Hart.IsStopped || Hart.Yields
                || (Hart.PendingInterrupts & c->State.Mie) != 0;
        }
    }

    private VcpuExit? LooksAround()
    {
        HartContext* c = Hart.Context;
        if (Volatile.Read(ref c->Attention) != 0)
        {
            Attention attention = (Attention)Interlocked.Exchange(ref c->Attention, 0);
            if ((attention & Attention.Fence) != 0) Hart.DoFences();
            if ((attention & Attention.FollowArmings) != 0) Hart.Group.Follow(Hart);
            if ((attention & Attention.Exit) != 0) return VcpuExit.Requested;
        }
        if (Hart.InstructionFence)
        {
            Hart.InstructionFence = false;
            FenceInstructions();
        }
        if (Hart.IsStopped) return VcpuExit.Stopped;
        if (c->State.Waiting != 0)
        {
            // WFI ends when an enabled interrupt is pending, whether or not it can be taken (privileged manual, 3.3.3).
            if ((Hart.PendingInterrupts & c->State.Mie) == 0)
            {
                Hart.Waits++;
                return VcpuExit.WaitingForInterrupt;
            }
            c->State.Waiting = 0;
        }
        bool yields = Hart.Yields;
        Hart.Yields = false;
        return Hart.Traps.TryTakeInterrupt() || !yields ? null : VcpuExit.Yielded;
    }
}
