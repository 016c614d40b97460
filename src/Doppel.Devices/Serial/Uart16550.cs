using Doppel.Core.Bus;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Char;

namespace Doppel.Devices.Serial;

/// <summary>
/// A National Semiconductor PC16550D UART with byte-wide registers (section numbers below are those of its data sheet).
/// The line is as fast as the host: a character is sent the moment it is written, unless the host is behind.
/// Thread contract: all members from any thread; one lock guards the registers and is held while the back end is asked, not while waiting
/// for it (except in deterministic time, where waiting must not be visible to the guest).
/// </summary>
public sealed class Uart16550 : IMmioDevice
{
    /// <summary>Bytes of the register window; take it on the bus with accesses of one byte.</summary>
    public const ulong WindowSize = 0x100;

    /// <summary>Compatible string of the device-tree node.</summary>
    public const string Compatible = "ns16550a";

    /// <summary>Input clock in hertz (device tree: clock-frequency); the baud rate is this by 16 by the divisor.</summary>
    public const uint ClockHz = 3_686_400;

    /// <summary>Characters that each FIFO holds.</summary>
    public const int FifoDepth = 16;

    private const byte Dlab = 0x80, SetBreak = 0x40, Loopback = 0x10, FifoEnable = 0x01;
    private const byte LsrDataReady = 0x01, LsrOverrun = 0x02, LsrBreak = 0x10, LsrTransmitEmpty = 0x60, LsrFifoError = 0x80;
    private const byte IirNone = 0x01, IirModem = 0x00, IirTransmit = 0x02, IirReceive = 0x04, IirLine = 0x06, IirTimeout = 0x0C;
    private const byte MsrLinesUp = 0xB0;
    private const ushort ResetDivisor = 12;

    private readonly Lock _gate = new();
    private readonly IrqLine _irq;
    private readonly MachineTime _time;
    private readonly ICharBackend _backend;
    private readonly CharInput _input;
    private readonly MachineTimer _timeout;
    private Uart16550State _state;

    /// <summary>Creates the UART in its reset state.</summary>
    /// <param name="irq">INTR.</param>
    /// <param name="time">Source of time, and the door for input.</param>
    /// <param name="backend">The other end of the line; owned by the caller.</param>
    public Uart16550(IrqLine irq, MachineTime time, ICharBackend backend)
    {
        _irq = irq;
        _time = time;
        _backend = backend;
        _timeout = time.CreateTimer(OnTimeout);
        _state = ResetState();
        _input = new CharInput(backend, time, OnInput, OnRoom);
    }

    /// <summary>A copy of the guest-visible state.</summary>
    public Uart16550State State
    {
        get
        {
            lock (_gate) return _state;
        }
    }

    /// <summary>
    /// True while the host has not taken all that the guest has sent. The guest may switch off before that: wait, with time running,
    /// before the machine is taken apart.
    /// </summary>
    public bool HasPendingOutput
    {
        get
        {
            lock (_gate) return _state.Transmit.Count != 0;
        }
    }

    private bool FifosOn => (_state.FifoControl & FifoEnable) != 0;

    private int Depth => FifosOn ? FifoDepth : 1;

    // FCR bits 6 and 7 (section 8.5).
    private int Trigger => !FifosOn ? 1 : (_state.FifoControl >> 6) switch { 0 => 1, 1 => 4, 2 => 8, _ => 14 };

    private bool IsLoopback => (_state.ModemControl & Loopback) != 0;

    /// <summary>The board's reset. Characters that the guest has not read yet are lost, as on a real line.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            _state = ResetState();
            _timeout.Disarm();
            Refill();
            UpdateIrq();
        }
    }

    /// <summary>Sends the guest a break condition; the host's end calls this from any thread.</summary>
    public void SendBreak() => _time.Post(() =>
    {
        lock (_gate)
        {
            Receive(LsrBreak << 8);
            UpdateIrq();
        }
    });

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        data.Clear();
        if (offset >= 8 || data.Length != 1) return;
        lock (_gate)
        {
            data[0] = ReadRegister((int)offset);
            UpdateIrq();
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        if (offset >= 8 || data.Length != 1) return;
        lock (_gate)
        {
            WriteRegister((int)offset, data[0]);
            UpdateIrq();
        }
    }

    private static Uart16550State ResetState() => new() { ModemStatus = MsrLinesUp, Divisor = ResetDivisor };

    private byte ReadRegister(int register)
    {
        bool dlab = (_state.LineControl & Dlab) != 0;
        return register switch
        {
            0 => dlab ? (byte)_state.Divisor : ReadReceived(),
            1 => dlab ? (byte)(_state.Divisor >> 8) : _state.InterruptEnable,
            2 => ReadInterruptIdentification(),
            3 => _state.LineControl,
            4 => _state.ModemControl,
            5 => ReadLineStatus(),
            6 => ReadModemStatus(),
            _ => _state.Scratch,
        };
    }

    private void WriteRegister(int register, byte value)
    {
        bool dlab = (_state.LineControl & Dlab) != 0;
        switch (register)
        {
            case 0 when dlab: _state.Divisor = (ushort)((_state.Divisor & 0xFF00) | value); break;
            case 0: Send(value); break;
            case 1 when dlab: _state.Divisor = (ushort)((_state.Divisor & 0xFF) | (value << 8)); break;
            case 1: WriteInterruptEnable(value); break;
            case 2: WriteFifoControl(value); break;
            case 3: WriteLineControl(value); break;
            case 4: WriteModemControl(value); break;
            case 7: _state.Scratch = value; break;
                // LSR is for factory tests only and MSR is read-only (sections 8.6 and 8.8).
        }
    }

    private byte ReadReceived()
    {
        if (_state.Receive.Count == 0) return 0;
        byte value = (byte)_state.Receive.Pop();
        Refill();
        RestartTimeout();
        return value;
    }

    // Section 8.4, table III: highest priority first.
    private byte InterruptIdentification()
    {
        byte enabled = _state.InterruptEnable;
        if ((enabled & 4) != 0 && (LineErrors() & ~LsrFifoError) != 0) return IirLine;
        if ((enabled & 1) != 0 && _state.Receive.Count >= Trigger) return IirReceive;
        if ((enabled & 1) != 0 && _state.ReceiveTimeout) return IirTimeout;
        if ((enabled & 2) != 0 && _state.TransmitEmptyPending) return IirTransmit;
        if ((enabled & 8) != 0 && (_state.ModemStatus & 0x0F) != 0) return IirModem;
        return IirNone;
    }

    private byte ReadInterruptIdentification()
    {
        byte id = InterruptIdentification();
        if (id == IirTransmit) _state.TransmitEmptyPending = false;
        return (byte)(FifosOn ? id | 0xC0 : id);
    }

    // PE, FE and BI belong to the character at the top of the FIFO (section 8.6).
    private int LineErrors()
    {
        int errors = _state.Overrun ? LsrOverrun : 0;
        if (_state.Receive.Count != 0) errors |= _state.Receive.Oldest >> 8;
        if (FifosOn && _state.Receive.HasErrors()) errors |= LsrFifoError;
        return errors;
    }

    private byte ReadLineStatus()
    {
        int status = LineErrors();
        if (_state.Receive.Count != 0) status |= LsrDataReady;
        if (_state.Transmit.Count == 0) status |= LsrTransmitEmpty;
        _state.Overrun = false;
        if (_state.Receive.Count != 0) _state.Receive.ClearErrors();
        return (byte)status;
    }

    private byte ReadModemStatus()
    {
        byte status = _state.ModemStatus;
        _state.ModemStatus &= 0xF0;
        return status;
    }

    private void WriteInterruptEnable(byte value)
    {
        bool transmitRises = (value & ~_state.InterruptEnable & 2) != 0;
        _state.InterruptEnable = (byte)(value & 0x0F);
        // Enabling the interrupt while the transmitter is empty raises it at once; Linux probes for this.
        if (transmitRises && _state.Transmit.Count == 0) _state.TransmitEmptyPending = true;
    }

    private void WriteFifoControl(byte value)
    {
        bool toggled = ((value ^ _state.FifoControl) & FifoEnable) != 0;
        // The other bits are taken only together with the enable bit (section 8.5).
        _state.FifoControl = (value & FifoEnable) != 0 ? (byte)(value & 0xC9) : (byte)0;
        if (toggled || (value & 2) != 0)
        {
            _state.Receive = default;
            _state.ReceiveTimeout = false;
        }
        if (toggled || (value & 4) != 0) ClearTransmit();
        Refill();
        RestartTimeout();
    }

    private void ClearTransmit()
    {
        if (_state.Transmit.Count != 0) _state.TransmitEmptyPending = true;
        _state.Transmit = default;
    }

    private void WriteLineControl(byte value)
    {
        bool breakRises = (value & ~_state.LineControl & SetBreak) != 0;
        _state.LineControl = value;
        if (breakRises && IsLoopback) Receive(LsrBreak << 8);
    }

    private void WriteModemControl(byte value)
    {
        _state.ModemControl = (byte)(value & 0x1F);
        // Loopback wires RTS to CTS, DTR to DSR, OUT1 to RI and OUT2 to DCD (section 8.7).
        int levels = MsrLinesUp;
        if (IsLoopback)
            levels = ((value & 2) << 3) | ((value & 1) << 5) | ((value & 4) << 4) | ((value & 8) << 4);
        int changed = (levels ^ _state.ModemStatus) & 0xF0;
        // The ring indicator reports its trailing edge only.
        if ((levels & 0x40) != 0) changed &= ~0x40;
        _state.ModemStatus = (byte)(levels | (_state.ModemStatus & 0x0F) | (changed >> 4));
        Refill();
    }

    private void Send(byte value)
    {
        _state.TransmitEmptyPending = false;
        if (IsLoopback)
        {
            Receive(value);
            _state.TransmitEmptyPending = true;
            return;
        }
        // A character written to a full transmitter is lost (section 8.6, THRE); nobody who looks at LSR does that.
        if (_state.Transmit.Count < Depth) _state.Transmit.Push(value);
        Drain();
    }

    private void Drain()
    {
        Span<byte> next = stackalloc byte[1];
        while (_state.Transmit.Count != 0)
        {
            next[0] = (byte)_state.Transmit.Oldest;
            while (_backend.Write(next) == 0)
            {
                if (!_time.IsDeterministic) return;
                _backend.WaitForRoom();
            }
            _state.Transmit.Pop();
            if (_state.Transmit.Count == 0) _state.TransmitEmptyPending = true;
        }
    }

    private void Receive(int cell)
    {
        if (_state.Receive.Count >= Depth) _state.Overrun = true;
        else _state.Receive.Push((ushort)cell);
        RestartTimeout();
    }

    // Takes input only when there is room, so the line never overruns; in loopback the outside is cut off.
    private void Refill()
    {
        Span<byte> next = stackalloc byte[1];
        while (!IsLoopback && _state.Receive.Count < Depth && _input.Take(next) == 1) _state.Receive.Push(next[0]);
    }

    // Section 8.4: a timeout is due when characters below the trigger level lie for four character times.
    private void RestartTimeout()
    {
        _state.ReceiveTimeout = false;
        if (!FifosOn || _state.Receive.Count == 0 || _state.Receive.Count >= Trigger) return;
        byte line = _state.LineControl;
        int bits = 1 + 5 + (line & 3) + ((line >> 3) & 1) + 1 + ((line >> 2) & 1);
        long divisor = Math.Max(1, (int)_state.Divisor);
        _timeout.Arm(_time.NowNs + (4 * bits * 16 * divisor * 1_000_000_000 / ClockHz));
    }

    private void OnTimeout()
    {
        lock (_gate)
        {
            _state.ReceiveTimeout = _state.Receive.Count != 0 && _state.Receive.Count < Trigger;
            UpdateIrq();
        }
    }

    private void OnInput()
    {
        lock (_gate)
        {
            Refill();
            RestartTimeout();
            UpdateIrq();
        }
    }

    private void OnRoom()
    {
        lock (_gate)
        {
            Drain();
            UpdateIrq();
        }
    }

    private void UpdateIrq() => _irq.Set(InterruptIdentification() != IirNone);
}
