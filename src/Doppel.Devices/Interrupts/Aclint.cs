using System.Buffers.Binary;
using Doppel.Core.Bus;
using Doppel.Core.Time;

namespace Doppel.Devices.Interrupts;

/// <summary>All guest-visible state of an <see cref="Aclint"/> but mtime, which is a <see cref="MachineCounter"/>: plain data.</summary>
public sealed class AclintState
{
    internal AclintState(int harts)
    {
        SoftwareInterrupt = new bool[harts];
        TimeCompare = new ulong[harts];
    }

    /// <summary>Register msip of each hart.</summary>
    public bool[] SoftwareInterrupt { get; }

    /// <summary>Register mtimecmp of each hart, in ticks of <see cref="Aclint.FrequencyHz"/>.</summary>
    public ulong[] TimeCompare { get; }
}

/// <summary>
/// Machine-level software interrupts and timers (RISC-V ACLINT specification 1.0-rc4, chapters MSWI and MTIMER) at the offsets of a
/// SiFive CLINT. Thread contract: all members from any thread; one lock guards everything and is held while the outputs are driven.
/// </summary>
public sealed class Aclint : IMmioDevice
{
    /// <summary>Bytes of the register window; take it on the bus with accesses of four and eight bytes.</summary>
    public const ulong WindowSize = 0x1_0000;

    /// <summary>Compatible string of the device-tree node.</summary>
    public const string Compatible = "riscv,clint0";

    /// <summary>More specific compatible string, to stand first.</summary>
    public const string CompatibleSiFive = "sifive,clint0";

    /// <summary>Ticks of mtime in a second (device tree: timebase-frequency).</summary>
    public const ulong FrequencyHz = 10_000_000;

    /// <summary>Most harts that the register layout can serve.</summary>
    public const int MaxHarts = 4095;

    private const ulong CompareBase = 0x4000, TimeBase = 0xBFF8;

    private readonly Lock _gate = new();
    private readonly MachineCounter _counter;
    private readonly IReadOnlyList<IrqLine> _software;
    private readonly IReadOnlyList<IrqLine> _timer;
    private readonly MachineTimer[] _alarms;
    private readonly AclintState _state;

    /// <summary>Creates the device in its reset state.</summary>
    /// <param name="counter">Register mtime.</param>
    /// <param name="software">The MSIP wire of each hart.</param>
    /// <param name="timer">The MTIP wire of each hart.</param>
    /// <exception cref="ArgumentException">The lists differ in length, or there are too many harts.</exception>
    public Aclint(MachineCounter counter, IReadOnlyList<IrqLine> software, IReadOnlyList<IrqLine> timer)
    {
        if (software.Count != timer.Count || software.Count > MaxHarts)
            throw new ArgumentException($"An ACLINT cannot serve {software.Count} and {timer.Count} harts", nameof(timer));
        _counter = counter;
        _software = software;
        _timer = timer;
        _state = new AclintState(software.Count);
        Array.Fill(_state.TimeCompare, ulong.MaxValue);
        _alarms = new MachineTimer[software.Count];
        for (int i = 0; i < _alarms.Length; i++)
        {
            int hart = i;
            _alarms[i] = counter.Time.CreateTimer(() => OnAlarm(hart));
        }
        counter.Changed += UpdateTimers;
    }

    /// <summary>The guest-visible state itself; look at it only while the machine is paused.</summary>
    public AclintState State => _state;

    /// <summary>The board's reset: no interrupt pending, no timer set, mtime as it was counted.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            Array.Clear(_state.SoftwareInterrupt);
            Array.Fill(_state.TimeCompare, ulong.MaxValue);
            foreach (IrqLine line in _software) line.Set(false);
            _counter.Offset = 0;
        }
    }

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        data.Clear();
        if (data.Length is not (4 or 8)) return;
        lock (_gate)
        {
            // Registers are words or double words; whatever the width of the access, it sees the double word around it.
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, ReadDoubleWord(offset & ~7UL));
            bytes.Slice((int)(offset & 7), data.Length).CopyTo(data);
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        if (data.Length is not (4 or 8)) return;
        lock (_gate)
        {
            ulong aligned = offset & ~7UL;
            Span<byte> bytes = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, ReadDoubleWord(aligned));
            data.CopyTo(bytes[(int)(offset & 7)..]);
            WriteDoubleWord(aligned, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }
    }

    private ulong ReadDoubleWord(ulong offset)
    {
        if (offset < CompareBase) return ReadSoftware((offset / 4)) | (ReadSoftware((offset / 4) + 1) << 32);
        if (offset == TimeBase) return _counter.Value;
        ulong hart = (offset - CompareBase) / 8;
        return hart < (ulong)_alarms.Length ? _state.TimeCompare[hart] : 0;
    }

    private void WriteDoubleWord(ulong offset, ulong value)
    {
        if (offset < CompareBase)
        {
            WriteSoftware(offset / 4, (uint)value);
            WriteSoftware((offset / 4) + 1, (uint)(value >> 32));
        }
        else if (offset == TimeBase)
        {
            _counter.Offset += value - _counter.Value;
        }
        else if ((offset - CompareBase) / 8 < (ulong)_alarms.Length)
        {
            int hart = (int)((offset - CompareBase) / 8);
            _state.TimeCompare[hart] = value;
            UpdateTimer(hart);
        }
    }

    private ulong ReadSoftware(ulong hart) => hart < (ulong)_alarms.Length && _state.SoftwareInterrupt[hart] ? 1UL : 0;

    private void WriteSoftware(ulong hart, uint value)
    {
        if (hart >= (ulong)_alarms.Length) return;
        bool level = (value & 1) != 0;
        _state.SoftwareInterrupt[hart] = level;
        _software[(int)hart].Set(level);
    }

    // MTIP is a level: mtime >= mtimecmp, unsigned.
    private void UpdateTimer(int hart)
    {
        _timer[hart].Set(_counter.HasReached(_state.TimeCompare[hart], out long changeNs));
        if (changeNs < long.MaxValue) _alarms[hart].Arm(changeNs);
        else _alarms[hart].Disarm();
    }

    private void UpdateTimers()
    {
        lock (_gate)
        {
            for (int hart = 0; hart < _alarms.Length; hart++) UpdateTimer(hart);
        }
    }

    private void OnAlarm(int hart)
    {
        lock (_gate) UpdateTimer(hart);
    }
}
