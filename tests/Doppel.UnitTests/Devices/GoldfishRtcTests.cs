using Doppel.Core.Bus;
using Doppel.Devices.Rtc;

namespace Doppel.UnitTests.Devices;

public sealed class GoldfishRtcTests
{
    private const ulong TimeLow = 0, TimeHigh = 4, AlarmLow = 8, AlarmHigh = 12, Enable = 16, ClearAlarm = 20, Status = 24, ClearIrq = 28;
    private const long Epoch = 1_700_000_000_000_000_000;
    private readonly ManualTime _time = new() { EpochNs = Epoch };
    private readonly IrqLine _irq = IrqLine.CreateUnconnected();
    private readonly GoldfishRtc _rtc;

    public GoldfishRtcTests() => _rtc = new GoldfishRtc(_irq, _time);

    [Fact]
    public void Time_LowThenHigh_IsOneConsistentValue()
    {
        uint low = _rtc.Read32(TimeLow);
        _time.Advance(10_000_000_000);
        uint high = _rtc.Read32(TimeHigh);
        Assert.Equal((ulong)Epoch, ((ulong)high << 32) | low);
    }

    [Fact]
    public void Time_Set_CountsOnFromThere()
    {
        SetTime(42);
        _time.Advance(8);
        Assert.Equal(50u, _rtc.Read32(TimeLow));
        Assert.Equal(0u, _rtc.Read32(TimeHigh));
    }

    [Fact]
    public void Alarm_TimeComes_InterruptsUntilCleared()
    {
        SetTime(0);
        _rtc.Write32(Enable, 1);
        _rtc.Write32(AlarmHigh, 0);
        _rtc.Write32(AlarmLow, 1_000);
        Assert.Equal(1u, _rtc.Read32(Status));
        _time.Advance(999);
        Assert.False(_irq.Level);
        _time.Advance(1);
        Assert.True(_irq.Level);
        Assert.Equal(0u, _rtc.Read32(Status));
        _rtc.Write32(ClearIrq, 1);
        Assert.False(_irq.Level);
    }

    [Fact]
    public void Alarm_Cleared_DoesNotFire()
    {
        SetTime(0);
        _rtc.Write32(Enable, 1);
        _rtc.Write32(AlarmLow, 1_000);
        _rtc.Write32(ClearAlarm, 1);
        _time.Advance(2_000);
        Assert.False(_irq.Level);
    }

    [Fact]
    public void Alarm_InThePast_FiresAtOnceButOnlyWhenEnabled()
    {
        _rtc.Write32(AlarmLow, 1);
        Assert.False(_irq.Level);
        _rtc.Write32(Enable, 1);
        Assert.True(_irq.Level);
    }

    [Fact]
    public void Reset_AfterUse_KeepsTheTimeOnly()
    {
        SetTime(5);
        _rtc.Write32(Enable, 1);
        _rtc.Write32(AlarmLow, 1);
        _rtc.Reset();
        Assert.False(_irq.Level);
        Assert.Equal(5u, _rtc.Read32(TimeLow));
        Assert.Equal(0u, _rtc.Read32(Enable));
    }

    private void SetTime(uint value)
    {
        _rtc.Write32(TimeHigh, 0);
        _rtc.Write32(TimeLow, value);
    }
}
