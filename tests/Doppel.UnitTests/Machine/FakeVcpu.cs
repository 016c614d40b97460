using Doppel.Core.Execution;
using Doppel.RiscV;
using Doppel.RiscV.Engines;

namespace Doppel.UnitTests.Machine;

/// <summary>A hart that executes nothing and notes what is asked of it.</summary>
internal sealed class FakeVcpu(int index) : IRiscVVcpu
{
    public int Index => index;

    public ulong Ticks => 0;

    public VcpuSignal Signal { get; } = new();

    public bool IsStopped { get; set; } = true;

    public RiscVState State { get; private set; }

    public List<int> Interrupts { get; } = [];

    public List<RemoteFence> Fences { get; } = [];

    public int Awaited { get; private set; }

    public Func<VcpuExit> OnRun { get; init; } = static () => VcpuExit.Stopped;

    public Action OnStart { get; set; } = static () => { };

    public RiscVStatistics Statistics => new() { Exceptions = new ulong[16], Interrupts = new ulong[16] };

    public VcpuExit Run(in RunBudget budget) => OnRun();

    public void RequestExit()
    {
    }

    public void Load(in RiscVState state) => State = state;

    public void Save(ref RiscVState state) => state = State;

    public void Start(in RiscVState state)
    {
        State = state;
        IsStopped = false;
        OnStart();
    }

    public void SetInterrupt(int bit, bool level) => Interrupts.Add(level ? bit : -bit);

    public void RequestFence(in RemoteFence fence) => Fences.Add(fence);

    public void AwaitFences() => Awaited = Fences.Count;

    public void Dispose() => Signal.Dispose();
}
