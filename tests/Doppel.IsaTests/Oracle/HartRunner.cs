using Doppel.Core.Bus;
using Doppel.Core.Execution;
using Doppel.Core.Memory;
using Doppel.Core.Time;
using Doppel.IsaTests.Harts;
using Doppel.RiscV;
using Doppel.RiscV.Engines;

namespace Doppel.IsaTests.Oracle;

/// <summary>
/// One of Doppel's engines: a bare hart in S-mode whose environment calls come to us. With paging on, every page of the program is
/// mapped to itself by Sv39.
/// </summary>
internal sealed class HartRunner(string engine, bool paging) : IRunner
{
    private const int PageBytes = 4096;
    private const ulong TableBase = 0x1_0000_0000;
    // Far above what the longest sequence takes: 50 instructions in two nested loops of eight.
    private const long TicksPerSequence = 20_000;

    public RunResult Run(SequenceProgram program)
    {
        ulong size = (program.Data.Address + (ulong)program.Data.Bytes.Length - SequenceProgram.CodeBase + PageBytes - 1) & ~(PageBytes - 1UL);
        ulong tableSize = (4 + (size >> 21)) * PageBytes;
        using var memory = new GuestMemory(
            new RamRegion(SequenceProgram.CodeBase, size, ReadOnly: false, "sequences"), new RamRegion(TableBase, tableSize, ReadOnly: false, "tables"));
        memory.Load(program.Code.Address, program.Code.Bytes);
        memory.Load(program.Data.Address, program.Data.Bytes);
        if (paging) IdentityTables.Write(memory, TableBase, SequenceProgram.CodeBase, size);

        var firmware = new ExitCalls(memory);
        using var time = new InstructionCountTime(static () => 0);
        using IRiscVVcpu hart = Engines.Create(engine).CreateVcpu(0, new RiscVPlatform(memory, new MmioBus(), time) { Firmware = firmware });
        hart.Start(InitialState(program, paging));
        // Four ticks for each byte of the data: a block is 1 KiB.
        long limit = TicksPerSequence + (program.Data.Bytes.Length / 1024 * TicksPerSequence);
        VcpuExit exit;
        // PAUSE gives way to other harts, of which there are none.
        do exit = hart.Run(new RunBudget(limit - (long)hart.Ticks));
        while (exit == VcpuExit.Yielded);
        RiscVState state = default;
        hart.Save(ref state);
        if (firmware.Exited) return new RunResult(firmware.Written, Instructions: (long)hart.Ticks - program.HarnessInstructions);
        string why = exit == VcpuExit.Stopped
            ? $"trap: scause {state.Scause:x}, sepc {state.Sepc:x}, stval {state.Stval:x}"
            : $"{exit} at pc {state.Pc:x}";
        return new RunResult(program.Data.Bytes, program.SequenceAt(exit == VcpuExit.Stopped ? state.Sepc : state.Pc), why);
    }

    private static RiscVState InitialState(SequenceProgram program, bool paging)
    {
        RiscVState state = default;
        // Floating point on; every address open to S-mode; no reservation.
        state.Mstatus = 3UL << 13;
        state.SetPmp(15, 0x1F, ulong.MaxValue >> 10);
        state.ReservationAddress = ulong.MaxValue;
        state.Pc = program.Entry;
        state.Privilege = (uint)PrivilegeMode.Supervisor;
        state.Medeleg = 0xFFFF & ~(1UL << 9);
        state.Stvec = program.TrapHandler;
        state.Satp = paging ? (8UL << 60) | (TableBase / PageBytes) : 0;
        return state;
    }

    // The two Linux calls of a program; the ECALL of the trap handler makes neither.
    private sealed class ExitCalls(GuestMemory memory) : IRiscVFirmware
    {
        internal byte[] Written { get; private set; } = [];

        internal bool Exited { get; private set; }

        public FirmwareResult Call(int hart, ref RiscVState state)
        {
            ulong number = state.GetX(17);
            if (number == (ulong)SequenceProgram.SystemCallWrite && memory.TryGetReadSpan(state.GetX(11), (int)state.GetX(12), out ReadOnlySpan<byte> bytes))
            {
                Written = bytes.ToArray();
                return FirmwareResult.Continue;
            }
            Exited = number == (ulong)SequenceProgram.SystemCallExit && Written.Length > 0;
            return FirmwareResult.Stop;
        }
    }
}
