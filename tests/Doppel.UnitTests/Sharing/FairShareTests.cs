using System.Globalization;
using Doppel.Core.Sharing;

namespace Doppel.UnitTests.Sharing;

/// <summary>Shares of processors, with time that the test moves.</summary>
public sealed class FairShareTests
{
    private const double Seconds = 20, Tolerance = 0.05;

    [Theory]
    [InlineData("100 100", "2 2", 0)]
    [InlineData("100 300", "2 2", 0)]
    [InlineData("100 300", "2 2", 7)]
    [InlineData("100 900", "2 2", 0)]
    [InlineData("50 100 200", "2 2 2", 0)]
    [InlineData("50 100 200 400", "2 4 2 4", 0)]
    [InlineData("50 100 200 400", "2 4 2 4", 5)]
    [InlineData("100 100", "1 8", 0)]
    [InlineData("1 100", "2 2", 0)]
    [InlineData("100 10000", "2 2", 0)]
    public void Weights_AllWantEverything_EachGetsItsPart(string weights, string lanes, int loadSeed)
    {
        using HostModel host = new(processors: 2, loadSeed);
        int[] parts = Numbers(weights);
        ModelMachine[] machines = [.. parts.Zip(Numbers(lanes), (weight, count) => host.Add(weight, count))];

        host.Run(Seconds);

        double[] used = [.. machines.Select(static m => m.Take())];
        double[] wanted = [.. parts.Select(p => used.Sum() * p / parts.Sum())];
        // In parts of the whole: a share of one hundredth may be off by as much as one of a half.
        double worst = used.Zip(wanted, (u, w) => Math.Abs(u - w) / used.Sum()).Max();
        Assert.True(worst < Tolerance, string.Join(' ', used.Select(static u => u.ToString("F2", CultureInfo.InvariantCulture))));
    }

    [Theory]
    [InlineData("100 300", "2 2")]
    [InlineData("1 10000", "2 2")]
    [InlineData("10000 100", "1 2")]
    [InlineData("10 20 30", "1 1 1")]
    [InlineData("500 100 100", "1 4 4")]
    public void Weights_AllWantEverything_NoProcessorIsUnused(string weights, string lanes)
    {
        using HostModel host = new(processors: 2);
        ModelMachine[] machines = [.. Numbers(weights).Zip(Numbers(lanes), (weight, count) => host.Add(weight, count))];

        host.Run(Seconds);

        Assert.InRange(machines.Sum(static m => m.Take()), 0.97 * 2 * Seconds, 2 * Seconds);
    }

    [Fact]
    public void Weights_OneCanUseLittle_GetsThatAndTheOtherTheRest()
    {
        using HostModel host = new(processors: 2);
        ModelMachine heavy = host.Add(weight: 10_000, lanes: 1), light = host.Add(weight: 100, lanes: 4);

        host.Run(Seconds);

        Assert.InRange(heavy.Take(), 0.93 * Seconds, Seconds);
        Assert.InRange(light.Take(), 0.97 * Seconds, 1.07 * Seconds);
    }

    [Fact]
    public void Weights_OneSleeps_TheOtherGetsAllAndNobodyOwesLater()
    {
        using HostModel host = new(processors: 2);
        ModelMachine a = host.Add(100, 2), b = host.Add(100, 2);
        SetBusy(b, false);
        host.Run(Seconds);
        Assert.InRange(a.Take(), 0.99 * 2 * Seconds, 2 * Seconds);

        SetBusy(b, true);
        host.Run(2);

        Assert.InRange(b.Take(), 1.8, 2.2);
    }

    [Fact]
    public void Weights_AnotherProcessDied_CountsNoMoreAfterItsLapse()
    {
        using HostModel host = new(processors: 2);
        ModelMachine dies = host.Add(10_000, 2), lives = host.Add(100, 2);
        host.Run(5);
        lives.Take();
        host.Silence(dies);

        host.Run(1);
        lives.Take();
        host.Run(5);

        Assert.InRange(lives.Take(), 0.99 * 10, 10);
    }

    [Theory]
    [InlineData(0.5, 1)]
    [InlineData(0.5, 4)]
    [InlineData(1.5, 2)]
    [InlineData(0.05, 2)]
    public void Limit_BusyMachine_UsesItAndNoMore(double limit, int lanes)
    {
        using HostModel host = new(processors: 2);
        ModelMachine machine = host.Add(100, lanes, limit);

        host.Run(Seconds);

        // A bucket of a tenth of a second may be used at once.
        Assert.InRange(machine.Take(), 0.97 * limit * Seconds, 1.03 * ((limit * Seconds) + (limit * 0.1)) + 0.02);
    }

    [Fact]
    public void Limit_BesideAnUnlimitedMachine_LeavesTheRestToIt()
    {
        using HostModel host = new(processors: 2);
        ModelMachine limited = host.Add(100, 2, limit: 0.5), free = host.Add(100, 2);

        host.Run(Seconds);

        Assert.InRange(limited.Take(), 0.45 * Seconds, 0.53 * Seconds);
        Assert.InRange(free.Take(), 1.4 * Seconds, 1.55 * Seconds);
    }

    [Fact]
    public void Limit_LookedAtLate_IsOwedAndMadeUpFor()
    {
        using HostModel host = new(processors: 2);
        ModelMachine machine = host.Add(100, 1, limit: 0.5);
        host.Run(1);
        // The governor's thread did not get to run for a second, in which the machine did.
        machine.Lanes[0].ProcessorTimeNs += HostModel.Second;
        machine.Take();

        host.Run(1.9);

        Assert.InRange(machine.Take(), 0, 0.05);
    }

    [Fact]
    public void Look_BesideOthersAloneAndIdle_ComesAgainSoonLaterAndNotAtAll()
    {
        using HostModel host = new(processors: 2);
        ModelMachine a = host.Add(100, 1), b = host.Add(100, 1), limited = host.Add(100, 1, limit: 1);
        SetBusy(limited, false);
        host.Run(1);
        Assert.Equal(ProcessorGovernor.PeriodNs, a.Governor.Look(host.NowNs));

        SetBusy(b, false);
        host.Run(1);
        Assert.Equal(ProcessorGovernor.AlonePeriodNs, a.Governor.Look(host.NowNs));
        Assert.Equal(-1, b.Governor.Look(host.NowNs));

        SetBusy(limited, true);
        SetBusy(a, false);
        host.Run(1);
        Assert.Equal(ProcessorGovernor.PeriodNs, limited.Governor.Look(host.NowNs));
    }

    [Fact]
    public async Task Group_DisposedBeforeItsMachine_LeavesTheMachineRunning()
    {
        using HostModel host = new(processors: 1);
        ModelMachine first = host.Add(10_000, 1), second = host.Add(1, 1);
        host.Run(1);
        Assert.True(second.Lanes[0].IsHeld);
        host.Dispose();

        using GovernorThread thread = new(second.Governor);
        await Task.Run(() => SpinWait.SpinUntil(() => !second.Lanes[0].IsHeld, TimeSpan.FromSeconds(60)));

        Assert.False(second.Lanes[0].IsHeld);
        Assert.False(first.Lanes[0].IsHeld);
    }

    private static void SetBusy(ModelMachine machine, bool busy)
    {
        foreach (ModelLane lane in machine.Lanes) lane.IsBusy = busy;
    }

    private static int[] Numbers(string text) => [.. text.Split(' ').Select(static n => int.Parse(n, CultureInfo.InvariantCulture))];
}
