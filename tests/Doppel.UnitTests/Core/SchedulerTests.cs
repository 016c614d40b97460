using Doppel.Core.Execution;
using Doppel.Core.Time;

namespace Doppel.UnitTests.Core;

public sealed class SchedulerTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    [Fact]
    public void InstructionCount_TimersOfTwoVcpus_FireAtExactCountsInOrder()
    {
        FakeVcpu a = new(0), b = new(1);
        using InstructionCountTime time = new(() => a.Ticks + b.Ticks);
        List<(string, long)> fired = [];
        using ManualResetEventSlim done = new();
        time.CreateTimer(() => fired.Add(("late", time.NowNs))).Arm(1_000_000);
        time.CreateTimer(() => fired.Add(("early", time.NowNs))).Arm(12_340);
        time.CreateTimer(done.Set).Arm(2_000_000);
        using InstructionCountScheduler scheduler = new([a, b], time);

        scheduler.Resume();

        Assert.True(done.Wait(s_patience));
        Assert.Equal([("early", 12_340), ("late", 1_000_000)], fired);
    }

    [Fact]
    public void InstructionCount_PausedManyTimes_RunsTheSameSlices()
    {
        string straight = RunInterleaved(pauses: 0);
        Assert.Equal(straight, RunInterleaved(pauses: 20));
    }

    [Fact]
    public void InstructionCount_AllVcpusWait_SkipsToTheNextTimer()
    {
        FakeVcpu vcpu = new(0) { Waits = true };
        using InstructionCountTime time = new(() => vcpu.Ticks);
        using ManualResetEventSlim done = new();
        time.CreateTimer(done.Set).Arm(3_600_000_000_000);
        using InstructionCountScheduler scheduler = new([vcpu], time);

        scheduler.Resume();

        Assert.True(done.Wait(s_patience));
        Assert.Equal(3_600_000_000_000, time.NowNs);
    }

    [Fact]
    public void InstructionCount_InputWhileIdle_IsRun()
    {
        FakeVcpu vcpu = new(0) { Waits = true };
        using InstructionCountTime time = new(() => vcpu.Ticks);
        using ManualResetEventSlim done = new();
        using InstructionCountScheduler scheduler = new([vcpu], time) { PaceIdle = true };
        scheduler.Resume();

        time.Post(done.Set);

        Assert.True(done.Wait(s_patience));
    }

    [Fact]
    public void InstructionCount_VcpuYields_EndsItsSlice()
    {
        FakeVcpu spins = new(0) { YieldsAt = 1000 }, works = new(1);
        using InstructionCountTime time = new(() => spins.Ticks + works.Ticks);
        ulong worked = 0;
        using ManualResetEventSlim done = new();
        time.CreateTimer(() => worked = works.Ticks).Arm(15_000 * InstructionCountTime.NsPerTick);
        time.CreateTimer(done.Set).Arm(50_000 * InstructionCountTime.NsPerTick);
        using InstructionCountScheduler scheduler = new([spins, works], time);

        scheduler.Resume();

        Assert.True(done.Wait(s_patience));
        Assert.Equal(14_000UL, worked);
    }

    [Fact]
    public void ThreadPerVcpu_Pause_ReturnsWhenNoVcpuRuns()
    {
        FakeVcpu a = new(0), b = new(1) { Waits = true };
        using ThreadPerVcpuScheduler scheduler = new([a, b]);
        for (int i = 0; i < 50; i++)
        {
            scheduler.Resume();
            scheduler.Pause();
            ulong ticks = a.Ticks;
            Assert.False(a.Running || b.Running);
            Assert.Equal(ticks, a.Ticks);
        }
    }

    [Fact]
    public void ThreadPerVcpu_VcpuThrows_IsReportedOnce()
    {
        FakeVcpu vcpu = new(0) { Error = new InvalidOperationException("broken engine") };
        using ManualResetEventSlim reported = new();
        using ThreadPerVcpuScheduler scheduler = new([vcpu]) { Failed = _ => reported.Set() };

        scheduler.Resume();

        Assert.True(reported.Wait(s_patience));
        Assert.Same(vcpu.Error, scheduler.Failure);
    }

    private static string RunInterleaved(int pauses)
    {
        FakeVcpu a = new(0), b = new(1);
        using InstructionCountTime time = new(() => a.Ticks + b.Ticks);
        List<string> slices = [];
        using ManualResetEventSlim done = new();
        // At each event the two counts tell how the slices have fallen.
        for (int i = 1; i <= 40; i++) time.CreateTimer(() => slices.Add($"{a.Ticks}/{b.Ticks}")).Arm(i * 777_770);
        time.CreateTimer(done.Set).Arm(41 * 777_770);
        using InstructionCountScheduler scheduler = new([a, b], time);
        scheduler.Resume();
        for (int i = 0; i < pauses; i++)
        {
            scheduler.Pause();
            scheduler.Resume();
        }
        Assert.True(done.Wait(s_patience));
        return string.Join(' ', slices);
    }

    /// <summary>A vCPU whose instructions do nothing.</summary>
    private sealed class FakeVcpu(int index) : IVcpu
    {
        private volatile bool _exit;
        private volatile bool _running;
        private ulong _ticks;

        public int Index => index;

        public ulong Ticks => Volatile.Read(ref _ticks);

        public VcpuSignal Signal { get; } = new();

        internal bool Waits { get; init; }

        internal bool Running => _running;

        /// <summary>Ticks after which it yields once.</summary>
        internal ulong YieldsAt { get; init; } = ulong.MaxValue;

        internal Exception? Error { get; init; }

        public VcpuExit Run(in RunBudget budget)
        {
            if (Error != null) throw Error;
            _running = true;
            ulong end = budget.MaxTicks == long.MaxValue ? ulong.MaxValue : _ticks + (ulong)budget.MaxTicks;
            if (_ticks < YieldsAt) end = Math.Min(end, YieldsAt);
            VcpuExit result = Waits ? VcpuExit.WaitingForInterrupt : VcpuExit.BudgetSpent;
            while (!Waits && _ticks < end)
            {
                if (_exit)
                {
                    result = VcpuExit.Requested;
                    break;
                }
                _ticks++;
            }
            _exit = false;
            _running = false;
            return _ticks == YieldsAt ? VcpuExit.Yielded : result;
        }

        public void RequestExit() => _exit = true;

        public void Dispose() => Signal.Dispose();
    }
}
