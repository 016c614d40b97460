using Doppel.Core.Bus;
using Doppel.Core.Execution;
using Doppel.Core.Memory;
using Doppel.Core.Time;
using Doppel.IsaTests.Encoding;
using Doppel.RiscV;
using Doppel.RiscV.Engines;

namespace Doppel.IsaTests.Harts;

/// <summary>
/// One hart of any engine with 4 MiB of RAM and a device, and nothing else. A test sets <see cref="State"/>, runs, and looks at
/// <see cref="State"/> again.
/// </summary>
internal sealed class BareHart : IDisposable
{
    /// <summary>First address of RAM, where code goes unless a test says otherwise.</summary>
    internal const ulong Ram = 0x8000_0000;

    internal const ulong RamBytes = 4 << 20;

    /// <summary>An address that a test may use for data.</summary>
    internal const ulong Data = Ram + 0x10_0000;

    /// <summary>Where the tests put page tables.</summary>
    internal const ulong Tables = Ram + 0x20_0000;

    /// <summary>Where traps to M-mode and to S-mode go; the code there waits in place.</summary>
    internal const ulong MachineHandler = Ram + 0x30_0000, SupervisorHandler = Ram + 0x30_1000;

    /// <summary>Four bytes of a device that holds what was stored to it.</summary>
    internal const ulong Device = 0x1000_0000;

    private readonly IRiscVVcpu _hart;
    private RiscVState _state;
    private bool _started;

    internal BareHart(string engine, IRiscVFirmware? firmware = null)
        : this(Engines.Create(engine), firmware)
    {
    }

    internal BareHart(IRiscVEngine engine, IRiscVFirmware? firmware = null)
    {
        Memory = new GuestMemory(new RamRegion(Ram, RamBytes, ReadOnly: false, "ram"), new RamRegion(0x1000, 0x1000, ReadOnly: true, "rom"));
        Bus = new MmioBus();
        Bus.Attach(new MmioWindow(Device, 4, 4, 4, "cell"), Cell);
        Time = new InstructionCountTime(() => _hart!.Ticks);
        _hart = engine.CreateVcpu(0, new RiscVPlatform(Memory, Bus, Time) { Firmware = firmware });
        _hart.Save(ref _state);
        _state.Pc = Ram;
        _state.Mstatus |= 3UL << 13;
        _state.Mtvec = MachineHandler;
        _state.Stvec = SupervisorHandler;
        _state.SetPmp(15, 0x1F, ulong.MaxValue >> 10);
        Place(MachineHandler, "j 0");
        Place(SupervisorHandler, "j 0");
    }

    internal GuestMemory Memory { get; }

    internal MmioBus Bus { get; }

    internal InstructionCountTime Time { get; }

    internal MemoryCell Cell { get; } = new();

    internal IRiscVVcpu Vcpu => _hart;

    /// <summary>The state between runs.</summary>
    internal ref RiscVState State => ref _state;

    internal ulong this[string register]
    {
        get => _state.GetX(Array.IndexOf(RegisterNames.X, register));
        set => _state.SetX(Array.IndexOf(RegisterNames.X, register), value);
    }

    internal PrivilegeMode Mode
    {
        get => (PrivilegeMode)_state.Privilege;
        set => _state.Privilege = (uint)value;
    }

    /// <summary>Puts code into memory.</summary>
    /// <returns>Its labels.</returns>
    internal IReadOnlyDictionary<string, ulong> Place(ulong address, string source)
    {
        (byte[] code, IReadOnlyDictionary<string, ulong> labels) = Assembler.Assemble(source, address);
        Memory.Load(address, code);
        return labels;
    }

    /// <summary>Puts code at the start of RAM and runs it for a number of instructions.</summary>
    internal VcpuExit Run(string source, long ticks)
    {
        Place(Ram, source);
        _state.Pc = Ram;
        return Run(ticks);
    }

    /// <summary>Puts straight code at the start of RAM and runs it once, to its end or to its first trap.</summary>
    internal void Run(string source)
    {
        IReadOnlyDictionary<string, ulong> labels = Place(Ram, source + "\n bare_end: j 0");
        _state.Pc = Ram;
        Run(ticks: 1000);
        Assert.Contains(_state.Pc, new[] { labels["bare_end"], MachineHandler, SupervisorHandler });
    }

    /// <summary>Runs for a number of instructions, or until the hart waits.</summary>
    internal VcpuExit Run(long ticks)
    {
        if (_started) _hart.Load(_state);
        else _hart.Start(_state);
        _started = true;
        VcpuExit exit = _hart.Run(new RunBudget(ticks));
        _hart.Save(ref _state);
        return exit;
    }

    internal ulong Read(ulong address)
    {
        Assert.True(Memory.TryRead(address, out ulong value));
        return value;
    }

    internal void Write(ulong address, ulong value) => Assert.True(Memory.TryWrite(address, value));

    /// <summary>Asserts that the last run ended in M-mode's handler.</summary>
    internal void AssertMachineTrap(ulong cause, ulong pc, ulong value)
    {
        Assert.Equal((MachineHandler, cause, pc, value), (_state.Pc, _state.Mcause, _state.Mepc, _state.Mtval));
        Assert.Equal(PrivilegeMode.Machine, Mode);
    }

    /// <summary>Asserts that the last run ended in S-mode's handler.</summary>
    internal void AssertSupervisorTrap(ulong cause, ulong pc, ulong value)
    {
        Assert.Equal((SupervisorHandler, cause, pc, value), (_state.Pc, _state.Scause, _state.Sepc, _state.Stval));
        Assert.Equal(PrivilegeMode.Supervisor, Mode);
    }

    public void Dispose()
    {
        _hart.Dispose();
        Time.Dispose();
        Memory.Dispose();
    }

    /// <summary>A device of one word.</summary>
    internal sealed class MemoryCell : IMmioDevice
    {
        internal uint Value { get; set; }

        internal int Accesses { get; private set; }

        public void Read(ulong offset, Span<byte> data)
        {
            Accesses++;
            BitConverter.TryWriteBytes(data, Value);
        }

        public void Write(ulong offset, ReadOnlySpan<byte> data)
        {
            Accesses++;
            Value = BitConverter.ToUInt32(data);
        }
    }
}
