namespace Doppel.Core.Execution;

/// <summary>Why a vCPU came back from <see cref="IVcpu.Run"/>.</summary>
public enum VcpuExit
{
    /// <summary>The run budget is used up to the last instruction.</summary>
    BudgetSpent,

    /// <summary><see cref="IVcpu.RequestExit"/> was called.</summary>
    Requested,

    /// <summary>The guest waits for an interrupt and none is pending: wait for the vCPU's signal.</summary>
    WaitingForInterrupt,

    /// <summary>The vCPU was never started, or stopped itself (SBI HSM): wait for the vCPU's signal.</summary>
    Stopped,

    /// <summary>The guest has said that it spins until another processor has done something: let others run first.</summary>
    Yielded,
}

/// <summary>How far a vCPU may run.</summary>
/// <param name="MaxTicks">Instructions that may begin, counting those that trap; <see cref="long.MaxValue"/> for no limit.</param>
public readonly record struct RunBudget(long MaxTicks)
{
    /// <summary>Run until something else ends it.</summary>
    public static RunBudget Unlimited => new(long.MaxValue);
}

/// <summary>
/// One virtual processor of any engine. Thread contract: <see cref="Run"/> on one thread at a time; all other members from any thread.
/// </summary>
public interface IVcpu : IDisposable
{
    /// <summary>Number of the vCPU in its machine, from zero.</summary>
    int Index { get; }

    /// <summary>Instructions begun so far, counting those that trapped. Exact on the thread that runs the vCPU.</summary>
    ulong Ticks { get; }

    /// <summary>Set whenever a vCPU that waits or is stopped may have something to do.</summary>
    VcpuSignal Signal { get; }

    /// <summary>Runs guest code until the budget is spent, an exit is requested, or the vCPU has nothing to do.</summary>
    VcpuExit Run(in RunBudget budget);

    /// <summary>Makes the current, or else the next, <see cref="Run"/> return <see cref="VcpuExit.Requested"/> soon.</summary>
    void RequestExit();
}
