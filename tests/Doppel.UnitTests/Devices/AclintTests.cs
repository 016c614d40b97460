using Doppel.Core.Bus;
using Doppel.Core.Time;
using Doppel.Devices.Interrupts;

namespace Doppel.UnitTests.Devices;

public sealed class AclintTests
{
    private const ulong Compare = 0x4000, Time = 0xBFF8;
    private readonly ManualTime _time = new();
    private readonly IrqLine[] _software = [IrqLine.CreateUnconnected(), IrqLine.CreateUnconnected()];
    private readonly IrqLine[] _timer = [IrqLine.CreateUnconnected(), IrqLine.CreateUnconnected()];
    private readonly Aclint _aclint;

    private readonly MachineCounter _counter;

    public AclintTests()
    {
        _counter = new MachineCounter(_time, Aclint.FrequencyHz);
        _aclint = new Aclint(_counter, _software, _timer);
    }

    [Fact]
    public void SoftwareInterrupt_OneHart_LeavesTheOthersAlone()
    {
        _aclint.Write32(4, 0xFFFF_FFFF);
        Assert.Equal([false, true], _software.Select(l => l.Level));
        Assert.Equal(1u, _aclint.Read32(4));
        _aclint.Write32(4, 0);
        Assert.False(_software[1].Level);
    }

    [Fact]
    public void Time_Advances_AtTenMegahertz()
    {
        _time.Advance(1_000_000);
        Assert.Equal(10_000UL, _aclint.Read64(Time));
        Assert.Equal(10_000u, _aclint.Read32(Time));
        Assert.Equal(0u, _aclint.Read32(Time + 4));
    }

    [Fact]
    public void Compare_TimeReachesIt_RaisesTheLevelOfItsHart()
    {
        _aclint.Write64(Compare + 8, 50);
        _time.Advance(4_999);
        Assert.False(_timer[1].Level);
        _time.Advance(1);
        Assert.Equal([false, true], _timer.Select(l => l.Level));
    }

    [Fact]
    public void Compare_Raised_ClearsTheLevel()
    {
        _time.Advance(10_000);
        _aclint.Write64(Compare, 100);
        Assert.True(_timer[0].Level);
        _aclint.Write64(Compare, 200);
        Assert.False(_timer[0].Level);
        _time.Advance(10_000);
        Assert.True(_timer[0].Level);
    }

    [Fact]
    public void Compare_WrittenByHalves_IsJoined()
    {
        _aclint.Write32(Compare, 0xFFFF_FFFF);
        _aclint.Write32(Compare + 4, 2);
        _aclint.Write32(Compare, 7);
        Assert.Equal(0x2_0000_0007UL, _aclint.Read64(Compare));
        Assert.Equal(2u, _aclint.Read32(Compare + 4));
    }

    [Fact]
    public void Compare_AllOnes_NeverFires()
    {
        _aclint.Write64(Compare, ulong.MaxValue);
        _time.Advance(long.MaxValue / 2);
        Assert.False(_timer[0].Level);
    }

    [Fact]
    public void Time_Written_CountsOnFromThereAndMovesTheDeadlines()
    {
        _aclint.Write64(Compare, 1_000_000);
        _aclint.Write64(Time, 999_999);
        Assert.False(_timer[0].Level);
        _time.Advance(100);
        Assert.True(_timer[0].Level);
        _aclint.Write64(Time, 5);
        Assert.False(_timer[0].Level);
        Assert.Equal(5UL, _counter.Value);
    }

    [Fact]
    public void Time_WrapsAround_LowersTheLevel()
    {
        _aclint.Write64(Time, ulong.MaxValue);
        _aclint.Write64(Compare, 7);
        Assert.True(_timer[0].Level);
        _time.Advance(100);
        Assert.Equal(0UL, _counter.Value);
        Assert.False(_timer[0].Level);
        _time.Advance(700);
        Assert.True(_timer[0].Level);
    }

    [Fact]
    public void Window_HartsThatAreNotThere_ReadZero()
    {
        _aclint.Write64(Compare + 16, 0);
        _aclint.Write32(8, 1);
        Assert.Equal(0UL, _aclint.Read64(Compare + 16));
        Assert.Equal(0u, _aclint.Read32(8));
        Assert.Equal(0UL, _aclint.Read64(0xFFF8));
    }

    [Fact]
    public void Reset_AfterUse_LowersEverything()
    {
        _aclint.Write32(0, 1);
        _aclint.Write64(Compare, 0);
        _aclint.Reset();
        Assert.False(_software[0].Level || _timer[0].Level);
    }
}
