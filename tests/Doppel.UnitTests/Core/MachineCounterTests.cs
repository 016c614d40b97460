using Doppel.Core.Time;
using Doppel.UnitTests.Devices;

namespace Doppel.UnitTests.Core;

public sealed class MachineCounterTests
{
    private readonly ManualTime _time = new();

    [Theory]
    [InlineData(10_000_000UL, 1_999L, 19UL)]
    [InlineData(10_000_000UL, 2_000L, 20UL)]
    [InlineData(32_768UL, 1_000_000_000L, 32_768UL)]
    [InlineData(32_768UL, 30_517L, 0UL)]
    [InlineData(32_768UL, 30_518L, 1UL)]
    [InlineData(1_000_000_000UL, long.MaxValue - 1, long.MaxValue - 1)]
    [InlineData(1UL, 1_999_999_999L, 1UL)]
    public void Value_CountsWholeTicks(ulong frequency, long ns, ulong ticks)
    {
        _time.Advance(ns);
        Assert.Equal(ticks, new MachineCounter(_time, frequency).Value);
    }

    [Theory]
    [InlineData(10_000_000UL)]
    [InlineData(32_768UL)]
    [InlineData(24_000_000UL)]
    public void HasReached_ValueAhead_ChangesInTheFirstNanosecondOfItsTick(ulong frequency)
    {
        MachineCounter counter = new(_time, frequency);
        _time.Advance(12_345_678);
        counter.Offset = 999;
        ulong target = counter.Value + 77;

        Assert.False(counter.HasReached(target, out long changeNs));
        _time.Advance(changeNs - 1 - _time.NowNs);
        Assert.Equal(target - 1, counter.Value);
        _time.Advance(1);
        Assert.Equal(target, counter.Value);
        Assert.True(counter.HasReached(target, out _));
    }

    [Fact]
    public void HasReached_ValueBehind_ChangesWhenTheCounterWraps()
    {
        MachineCounter counter = new(_time, 10_000_000) { Offset = ulong.MaxValue - 9 };

        Assert.True(counter.HasReached(5, out long changeNs));
        Assert.Equal(1_000, changeNs);
        Assert.True(counter.HasReached(0, out changeNs));
        Assert.Equal(1_000, changeNs);
        _time.Advance(1_000);
        Assert.False(counter.HasReached(5, out changeNs));
        Assert.Equal(1_500, changeNs);
    }

    [Fact]
    public void HasReached_ValueBeyondTheClock_NeverChanges()
    {
        MachineCounter counter = new(_time, 10_000_000);
        Assert.False(counter.HasReached(ulong.MaxValue, out long changeNs));
        Assert.Equal(long.MaxValue, changeNs);
        Assert.True(counter.HasReached(0, out changeNs));
        Assert.Equal(long.MaxValue, changeNs);
    }

    [Fact]
    public void Offset_Set_TellsWhoComparesWithIt()
    {
        MachineCounter counter = new(_time, 10_000_000);
        List<ulong> seen = [];
        counter.Changed += () => seen.Add(counter.Value);
        counter.Offset = 7;
        counter.Offset = ulong.MaxValue;
        Assert.Equal([7, ulong.MaxValue], seen);
    }
}
