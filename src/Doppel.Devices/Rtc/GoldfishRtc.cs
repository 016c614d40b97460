using System.Buffers.Binary;
using Doppel.Core.Bus;
using Doppel.Core.Time;

namespace Doppel.Devices.Rtc;

/// <summary>All guest-visible state of a <see cref="GoldfishRtc"/>: plain data.</summary>
public struct GoldfishRtcState
{
    /// <summary>What the guest added to the clock by setting it, in nanoseconds, modulo 2^64.</summary>
    public ulong OffsetNs;

    /// <summary>Time of the alarm, in nanoseconds since 1970 by the guest's clock.</summary>
    public ulong AlarmNs;

    /// <summary>High half of the time at the last read of its low half.</summary>
    public uint TimeHigh;

    /// <summary>High halves written, waiting for their low halves.</summary>
    public uint TimeHighWritten, AlarmHighWritten;

    /// <summary>The alarm is set; its interrupt is pending; its interrupt reaches the wire.</summary>
    public bool AlarmArmed, Pending, Enabled;
}

/// <summary>
/// Android's virtual clock "goldfish RTC": nanoseconds since 1970 UTC, and one alarm. Registers are words; a 64-bit value is read low
/// half first (which latches the high half) and written high half first.
/// Thread contract: all members from any thread; one lock guards everything.
/// </summary>
public sealed class GoldfishRtc : IMmioDevice
{
    /// <summary>Bytes of the register window; take it on the bus with accesses of four bytes.</summary>
    public const ulong WindowSize = 0x1000;

    /// <summary>Compatible string of the device-tree node.</summary>
    public const string Compatible = "google,goldfish-rtc";

    private const ulong TimeLow = 0x00, TimeHigh = 0x04, AlarmLow = 0x08, AlarmHigh = 0x0C;
    private const ulong IrqEnabled = 0x10, ClearAlarm = 0x14, AlarmStatus = 0x18, ClearInterrupt = 0x1C;

    private readonly Lock _gate = new();
    private readonly IrqLine _irq;
    private readonly MachineTime _time;
    private readonly MachineTimer _alarm;
    private GoldfishRtcState _state;

    /// <summary>Creates the clock in its reset state, showing the machine's wall-clock time.</summary>
    public GoldfishRtc(IrqLine irq, MachineTime time)
    {
        _irq = irq;
        _time = time;
        _alarm = time.CreateTimer(OnAlarm);
    }

    /// <summary>A copy of the guest-visible state.</summary>
    public GoldfishRtcState State
    {
        get
        {
            lock (_gate) return _state;
        }
    }

    /// <summary>The board's reset. The clock runs on: it has a battery.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            _state = new GoldfishRtcState { OffsetNs = _state.OffsetNs };
            UpdateAlarm();
        }
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        data.Clear();
        if (data.Length != 4) return;
        lock (_gate) BinaryPrimitives.WriteUInt32LittleEndian(data, ReadRegister(offset));
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        if (data.Length != 4) return;
        lock (_gate)
        {
            WriteRegister(offset, BinaryPrimitives.ReadUInt32LittleEndian(data));
            UpdateAlarm();
        }
    }

    private ulong Now() => (ulong)_time.WallClockNs + _state.OffsetNs;

    private uint ReadRegister(ulong offset)
    {
        switch (offset)
        {
            case TimeLow:
                ulong now = Now();
                _state.TimeHigh = (uint)(now >> 32);
                return (uint)now;
            case TimeHigh: return _state.TimeHigh;
            case AlarmLow: return (uint)_state.AlarmNs;
            case AlarmHigh: return (uint)(_state.AlarmNs >> 32);
            case IrqEnabled: return _state.Enabled ? 1u : 0;
            case AlarmStatus: return _state.AlarmArmed ? 1u : 0;
            default: return 0;
        }
    }

    private void WriteRegister(ulong offset, uint value)
    {
        switch (offset)
        {
            case TimeLow: _state.OffsetNs += (((ulong)_state.TimeHighWritten << 32) | value) - Now(); break;
            case TimeHigh: _state.TimeHighWritten = value; break;
            case AlarmLow:
                _state.AlarmNs = ((ulong)_state.AlarmHighWritten << 32) | value;
                _state.AlarmArmed = true;
                break;
            case AlarmHigh: _state.AlarmHighWritten = value; break;
            case IrqEnabled: _state.Enabled = (value & 1) != 0; break;
            case ClearAlarm: _state.AlarmArmed = false; break;
            case ClearInterrupt: _state.Pending = false; break;
        }
    }

    private void UpdateAlarm()
    {
        ulong now = Now();
        if (_state.AlarmArmed && _state.AlarmNs <= now)
        {
            _state.AlarmArmed = false;
            _state.Pending = true;
        }
        long nowNs = _time.NowNs;
        ulong wait = _state.AlarmNs - now;
        if (_state.AlarmArmed && wait < (ulong)(long.MaxValue - nowNs)) _alarm.Arm(nowNs + (long)wait);
        else _alarm.Disarm();
        _irq.Set(_state.Pending && _state.Enabled);
    }

    private void OnAlarm()
    {
        lock (_gate) UpdateAlarm();
    }
}
