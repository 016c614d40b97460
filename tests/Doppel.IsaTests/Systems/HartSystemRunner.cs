using Doppel.Core.Bus;
using Doppel.Core.Execution;
using Doppel.Core.Memory;
using Doppel.Core.Time;
using Doppel.IsaTests.Harts;
using Doppel.RiscV;
using Doppel.RiscV.Engines;

namespace Doppel.IsaTests.Systems;

/// <summary>A bare hart of any of Doppel's engines, with RAM and the switch that turns it off.</summary>
internal sealed class HartSystemRunner(string engine) : ISystemRunner
{
    private const long MaxTicks = 20_000_000;
    private const int MachineTimer = 7;

    public byte[] Run(SystemProgram program)
    {
        using var memory = new GuestMemory(new RamRegion(SystemLayout.Ram, SystemLayout.RamBytes, ReadOnly: false, "ram"));
        memory.Load(SystemLayout.Ram, program.Image);
        var finisher = new Finisher();
        var bus = new MmioBus();
        bus.Attach(new MmioWindow(SystemLayout.Finisher, 4096, 4, 4, "finisher"), finisher);
        using var time = new InstructionCountTime(static () => 0);
        using IRiscVVcpu hart = Engines.Create(engine).CreateVcpu(0, new RiscVPlatform(memory, bus, time));
        finisher.PowerOff = hart.RequestExit;
        RiscVState state = default;
        hart.Save(ref state);
        state.Pc = SystemLayout.Ram;
        // The oracle's timer stands at its reset value, which has passed.
        hart.SetInterrupt(MachineTimer, level: true);
        hart.Start(state);
        VcpuExit exit = hart.Run(new RunBudget(MaxTicks));
        hart.Save(ref state);
        Assert.True(exit == VcpuExit.Requested, $"{engine}: {exit} at pc {state.Pc:x}, block {state.GetX(31):x}, mscratch {state.Mscratch:x}");
        Assert.True(memory.TryGetReadSpan(SystemLayout.Ram, SystemLayout.UsedBytes, out ReadOnlySpan<byte> ram));
        return ram.ToArray();
    }

    private sealed class Finisher : IMmioDevice
    {
        internal Action PowerOff { get; set; } = static () => { };

        public void Read(ulong offset, Span<byte> data) => data.Clear();

        public void Write(ulong offset, ReadOnlySpan<byte> data)
        {
            if (offset == 0 && BitConverter.ToUInt32(data) == 0x5555) PowerOff();
        }
    }
}
