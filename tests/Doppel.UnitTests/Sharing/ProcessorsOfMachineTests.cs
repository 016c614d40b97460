using System.Globalization;
using Doppel.Core.Execution;
using Doppel.Host;
using Doppel.UnitTests.Machine;

namespace Doppel.UnitTests.Sharing;

/// <summary>Machines whose share of the processors is set; how much they get is not measured here.</summary>
public sealed class ProcessorsOfMachineTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    private readonly BareMetal _tools = new();

    public void Dispose() => _tools.Dispose();

    [Theory]
    [InlineData(TimePolicy.RealTime)]
    [InlineData(TimePolicy.InstructionCount)]
    public async Task CpuShare_WeightLimitAndPin_TheMachineRunsToItsEnd(TimePolicy time)
    {
        using CpuShareGroup group = CpuShareGroup.Open(_tools.PathOf("shares"));
        CpuShareConfig share = new() { Group = group, Weight = 100, Limit = 0.2, Pinned = [HostProcessors.Available[0]] };
        VirtualMachineConfig config = new()
        {
            KernelPath = _tools.Build(Programs.Ticks, 0x8020_0000),
            MemoryBytes = 64 << 20,
            Cpus = 3,
            Time = time,
            CpuShare = share,
            Timeout = s_patience,
        };
        await using VirtualMachine rival = await VirtualMachine.StartAsync(new()
        {
            KernelPath = _tools.Build(Programs.Spin),
            Firmware = FirmwareChoice.None,
            MemoryBytes = 64 << 20,
            CpuShare = share with { Weight = 300, Limit = null },
        });
        await using VirtualMachine vm = await VirtualMachine.StartAsync(config);

        VirtualMachineExit exit = await vm.WaitForExitAsync();

        Assert.Equal(VirtualMachineExitReason.PowerOff, exit.Reason);
        Assert.StartsWith("tttttttttt", vm.Console.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CpuShare_ProcessorThatIsNotThere_IsSaidBeforeTheStart()
    {
        VirtualMachineConfig config = new()
        {
            KernelPath = _tools.Build(Programs.Hello),
            Firmware = FirmwareChoice.None,
            CpuShare = new() { Pinned = [HostProcessors.MaxNumber - 1] },
        };

        VirtualMachineException error = await Assert.ThrowsAsync<VirtualMachineException>(() => VirtualMachine.StartAsync(config));

        Assert.Contains((HostProcessors.MaxNumber - 1).ToString(CultureInfo.InvariantCulture), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_ValuesOutOfRange_NamesEachOption()
    {
        VirtualMachineConfig config = new()
        {
            KernelPath = "kernel",
            CpuShare = new() { Weight = 0, Limit = double.NaN, Pinned = [-1] },
        };

        string problems = string.Join('\n', VirtualMachineConfigValidator.Validate(config));

        Assert.Contains("--cpu-weight 0", problems, StringComparison.Ordinal);
        Assert.Contains("--cpu-limit NaN", problems, StringComparison.Ordinal);
        Assert.Contains("--pin -1", problems, StringComparison.Ordinal);
    }

    [Fact]
    public void Lane_Held_StandsStillUntilItIsReleased()
    {
        using FakeLaneVcpu held = new(0), free = new(1);
        using ThreadPerVcpuScheduler scheduler = new([held, free]);
        scheduler.Resume();
        held.WaitForRuns(1, s_patience);

        scheduler.Lanes[0].IsHeld = true;
        // A run that had begun may end; the next one does not begin.
        int runs = held.WaitUntilStill(free);
        free.WaitForRuns(free.Runs + 100, s_patience);

        Assert.Equal(runs, held.Runs);
        scheduler.Lanes[0].IsHeld = false;
        held.WaitForRuns(runs + 1, s_patience);
    }

    [Fact]
    public void Thread_ThatWorks_UsesProcessorTimeThatOthersCanRead()
    {
        HostThread thread = default;
        using ManualResetEventSlim begun = new(), done = new();
        Thread works = new(() =>
        {
            thread = HostThread.Current;
            begun.Set();
            while (!done.IsSet) Thread.SpinWait(100);
        });
        works.Start();
        begun.Wait();

        Assert.True(SpinWait.SpinUntil(() => thread.ProcessorTimeNs > 1_000_000, s_patience));
        done.Set();
        works.Join();
        Assert.Equal(0, default(HostThread).ProcessorTimeNs);
    }

    /// <summary>A vCPU that returns from each run when it is asked to, or a little later.</summary>
    private sealed class FakeLaneVcpu(int index) : IVcpu
    {
        private int _runs;

        public int Index => index;

        public ulong Ticks => 0;

        public VcpuSignal Signal { get; } = new();

        internal int Runs => Volatile.Read(ref _runs);

        public VcpuExit Run(in RunBudget budget)
        {
            Interlocked.Increment(ref _runs);
            Thread.SpinWait(50);
            return VcpuExit.Requested;
        }

        public void RequestExit()
        {
        }

        internal void WaitForRuns(int count, TimeSpan patience) => Assert.True(SpinWait.SpinUntil(() => Runs >= count, patience));

        // Another vCPU's runs are the clock: no more runs during a hundred of those.
        internal int WaitUntilStill(FakeLaneVcpu clock)
        {
            int before;
            do
            {
                before = Runs;
                clock.WaitForRuns(clock.Runs + 100, s_patience);
            }
            while (Runs != before);
            return before;
        }

        public void Dispose() => Signal.Dispose();
    }
}
