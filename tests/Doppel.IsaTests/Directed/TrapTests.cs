using Doppel.Core.Execution;
using Doppel.IsaTests.Harts;
using Doppel.RiscV;

namespace Doppel.IsaTests.Directed;

/// <summary>Every exception cause with its mepc, mtval and mstatus, delegation, and the returns (privileged manual, 3.1, 3.3, 10.1).</summary>
public sealed class TrapTests
{
    private const ulong Pc = BareHart.Ram, Nowhere = 0x4000_0000;
    private const ulong Mie = 1 << 3, Mpie = 1 << 7, Spp = 1 << 8, Sie = 1 << 1, Spie = 1 << 5, MppM = 3 << 11, MppS = 1 << 11, Mprv = 1 << 17;

    // Code, mode, a1, cause, distance of mepc from the start, mtval.
    private static readonly (string Code, PrivilegeMode Mode, ulong A1, ulong Cause, ulong Offset, ulong Value)[] s_causes =
    [
        // 1: instruction access fault, at the target, not at the jump
        ("jr a1", PrivilegeMode.Machine, Nowhere, 1, unchecked(Nowhere - Pc), Nowhere),
        ("jr a1", PrivilegeMode.User, BareHart.Device, 1, unchecked(BareHart.Device - Pc), BareHart.Device),
        // 2: illegal instruction; mtval holds the instruction
        (".word 0xFFFFFFFF", PrivilegeMode.Machine, 0, 2, 0, 0xFFFF_FFFF), (".half 0", PrivilegeMode.User, 0, 2, 0, 0), ("nop; .half 0x8000", PrivilegeMode.Supervisor, 0, 2, 4, 0x8000),
        ("c.nop; csrr a0, mstatus", PrivilegeMode.Supervisor, 0, 2, 2, 0x3000_2573), ("mret", PrivilegeMode.Supervisor, 0, 2, 0, 0x3020_0073),
        ("sret", PrivilegeMode.User, 0, 2, 0, 0x1020_0073), ("wfi", PrivilegeMode.User, 0, 2, 0, 0x1050_0073), ("sfence.vma", PrivilegeMode.User, 0, 2, 0, 0x1200_0073),
        ("csrr a0, sstatus", PrivilegeMode.User, 0, 2, 0, 0x1000_2573), ("csrw cycle, zero", PrivilegeMode.Machine, 0, 2, 0, 0xC000_1073),
        ("csrr a0, 0x5C0", PrivilegeMode.Machine, 0, 2, 0, 0x5C00_2573), ("csrw mhartid, a1", PrivilegeMode.Machine, 0, 2, 0, 0xF145_9073),
        // 3: breakpoint; mtval holds its address
        ("nop; ebreak", PrivilegeMode.Machine, 0, 3, 4, Pc + 4), ("c.ebreak", PrivilegeMode.User, 0, 3, 0, Pc),
        // 4 and 6: misaligned atomics
        ("lr.w a0, (a1)", PrivilegeMode.Machine, BareHart.Data + 2, 4, 0, BareHart.Data + 2), ("lr.d a0, (a1)", PrivilegeMode.Machine, BareHart.Data + 4, 4, 0, BareHart.Data + 4),
        ("sc.w a0, a0, (a1)", PrivilegeMode.Supervisor, BareHart.Data + 1, 6, 0, BareHart.Data + 1), ("amoadd.d a0, a0, (a1)", PrivilegeMode.User, BareHart.Data + 4, 6, 0, BareHart.Data + 4),
        // 5 and 7: access faults
        ("ld a0, 8(a1)", PrivilegeMode.Machine, Nowhere, 5, 0, Nowhere + 8), ("lb a0, -1(a1)", PrivilegeMode.User, BareHart.Ram, 5, 0, BareHart.Ram - 1),
        ("lr.d a0, (a1)", PrivilegeMode.Machine, Nowhere, 5, 0, Nowhere), ("sd a0, 8(a1)", PrivilegeMode.Machine, Nowhere, 7, 0, Nowhere + 8),
        ("amoswap.w a0, a0, (a1)", PrivilegeMode.Machine, Nowhere, 7, 0, Nowhere), ("fld fa0, 0(a1)", PrivilegeMode.Machine, Nowhere, 5, 0, Nowhere),
        ("sw a0, 0(a1)", PrivilegeMode.Machine, 0x1000, 7, 0, 0x1000), ("ld a0, 0(a1)", PrivilegeMode.Machine, ulong.MaxValue - 7, 5, 0, ulong.MaxValue - 7),
        ("ld a0, 0(a1)", PrivilegeMode.Machine, BareHart.Ram + BareHart.RamBytes - 4, 5, 0, BareHart.Ram + BareHart.RamBytes),
        // 8, 9, 11: environment calls
        ("ecall", PrivilegeMode.User, 0, 8, 0, 0), ("ecall", PrivilegeMode.Supervisor, 0, 9, 0, 0), ("ecall", PrivilegeMode.Machine, 0, 11, 0, 0),
    ];

    public static TheoryData<string, int> Causes => Engines.With(s_causes.Length);

    [Theory]
    [MemberData(nameof(Causes))]
    public void Exception_NotDelegated_ReportsCauseAndPlaceToMachineMode(string engine, int row)
    {
        (string code, PrivilegeMode mode, ulong a1, ulong cause, ulong offset, ulong value) = s_causes[row];
        using var hart = new BareHart(engine) { ["a0"] = 0x55, ["a1"] = a1, Mode = mode };
        hart.State.Mstatus |= Mie;

        hart.Run(code);

        hart.AssertMachineTrap(cause, Pc + offset, value);
        // The interrupted mode goes to MPP, MIE to MPIE; the destination keeps its value.
        Assert.Equal(((ulong)mode << 11) | Mpie, hart.State.Mstatus & (MppM | Mpie | Mie));
        Assert.Equal(0x55UL, hart["a0"]);
    }

    [Theory]
    [MemberData(nameof(Causes))]
    public void Exception_Delegated_GoesToSupervisorModeFromBelowMachineMode(string engine, int row)
    {
        (string code, PrivilegeMode mode, ulong a1, ulong cause, ulong offset, ulong value) = s_causes[row];
        using var hart = new BareHart(engine) { ["a1"] = a1, Mode = mode };
        hart.State.Medeleg = 0xB3FF;
        hart.State.Mstatus |= Sie;

        hart.Run(code);

        bool machine = mode == PrivilegeMode.Machine;
        Assert.Equal(machine ? BareHart.MachineHandler : BareHart.SupervisorHandler, hart.State.Pc);
        Assert.Equal((cause, Pc + offset, value), machine ? (hart.State.Mcause, hart.State.Mepc, hart.State.Mtval) : (hart.State.Scause, hart.State.Sepc, hart.State.Stval));
        ulong expected = machine ? Sie : Spie | (mode == PrivilegeMode.Supervisor ? Spp : 0);
        Assert.Equal(expected, hart.State.Mstatus & (Spp | Spie | Sie));
    }

    [Theory]
    [MemberData(nameof(Engines.Names), MemberType = typeof(Engines))]
    public void Medeleg_AllOnes_LeavesEcallFromMachineModeOut(string engine)
    {
        using var hart = new BareHart(engine);
        hart.Run("li t0, -1; csrw medeleg, t0; csrr a0, medeleg; csrw mideleg, t0; csrr a1, mideleg");
        Assert.Equal(0xB3FFUL, hart["a0"]);
        Assert.Equal(0x222UL, hart["a1"]);
    }

    [Theory]
    [MemberData(nameof(Engines.Names), MemberType = typeof(Engines))]
    public void Mret_ToUserMode_RestoresEnableAndClearsMprv(string engine)
    {
        using var hart = new BareHart(engine);
        hart.Place(BareHart.Data, "j 0");
        hart.State.Mepc = BareHart.Data;
        hart.State.Mstatus |= Mpie | Mprv;

        hart.Run("mret", 2);

        Assert.Equal((BareHart.Data, PrivilegeMode.User), (hart.State.Pc, hart.Mode));
        Assert.Equal(Mie | Mpie, hart.State.Mstatus & (Mie | Mpie | MppM | Mprv));
    }

    [Theory]
    [MemberData(nameof(Engines.Names), MemberType = typeof(Engines))]
    public void Mret_ToMachineMode_KeepsMprvAndLeavesUserInMpp(string engine)
    {
        using var hart = new BareHart(engine);
        hart.Place(BareHart.Data, "j 0");
        hart.State.Mepc = BareHart.Data;
        hart.State.Mstatus |= Mie | MppM | Mprv;

        hart.Run("mret", 2);

        Assert.Equal((BareHart.Data, PrivilegeMode.Machine), (hart.State.Pc, hart.Mode));
        Assert.Equal(Mpie | Mprv, hart.State.Mstatus & (Mie | Mpie | MppM | Mprv));
    }

    [Theory]
    [MemberData(nameof(Engines.Names), MemberType = typeof(Engines))]
    public void Sret_ToSupervisorMode_RestoresEnableAndClearsMprv(string engine)
    {
        using var hart = new BareHart(engine);
        hart.Place(BareHart.Data, "j 0");
        hart.State.Sepc = BareHart.Data;
        hart.State.Mstatus |= Spp | Spie | Mprv;

        hart.Run("sret", 2);

        Assert.Equal((BareHart.Data, PrivilegeMode.Supervisor), (hart.State.Pc, hart.Mode));
        Assert.Equal(Sie | Spie, hart.State.Mstatus & (Sie | Spie | Spp | Mprv));
    }

    // Bit of mstatus, instruction: illegal in S-mode while the bit is set, legal in M-mode.
    private static readonly (int Bit, string Code)[] s_trapBits =
        [(20, "sfence.vma"), (20, "csrr a0, satp"), (20, "csrw satp, zero"), (20, "sinval.vma zero, zero"), (21, "wfi"), (22, "sret")];

    public static TheoryData<string, int> TrapBits => Engines.With(s_trapBits.Length);

    [Theory]
    [MemberData(nameof(TrapBits))]
    public void TrapBit_InSupervisorMode_MakesTheInstructionIllegal(string engine, int row)
    {
        (int bit, string code) = s_trapBits[row];
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor };
        hart.State.Mstatus |= 1UL << bit;
        hart.Run(code, 1);
        Assert.Equal((2UL, Pc), (hart.State.Mcause, hart.State.Mepc));
    }

    [Theory]
    [MemberData(nameof(TrapBits))]
    public void TrapBit_InMachineMode_HasNoEffect(string engine, int row)
    {
        (int bit, string code) = s_trapBits[row];
        using var hart = new BareHart(engine);
        hart.State.Mstatus |= 1UL << bit;
        hart.Run(code, 1);
        Assert.NotEqual(BareHart.MachineHandler, hart.State.Pc);
    }

    [Theory]
    [MemberData(nameof(TrapBits))]
    public void TrapBit_ClearInSupervisorMode_LetsTheInstructionPass(string engine, int row)
    {
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor };
        hart.Run(s_trapBits[row].Code, 1);
        Assert.NotEqual(BareHart.MachineHandler, hart.State.Pc);
    }

    [Theory]
    [MemberData(nameof(Engines.Names), MemberType = typeof(Engines))]
    public void Exception_InVectoredMode_GoesToTheBase(string engine)
    {
        using var hart = new BareHart(engine);
        hart.State.Mtvec |= 1;
        hart.Run("ecall", 1);
        Assert.Equal(BareHart.MachineHandler, hart.State.Pc);
    }

    [Theory]
    [MemberData(nameof(Engines.Names), MemberType = typeof(Engines))]
    public void FetchFault_InSecondHalfOfInstruction_ReportsThatHalf(string engine)
    {
        ulong last = BareHart.Ram + BareHart.RamBytes - 2;
        using var hart = new BareHart(engine);
        hart.Memory.TryWrite(last, (ushort)0x0013); // the lower half of a NOP
        hart.State.Pc = last;
        hart.Run(ticks: 1);
        hart.AssertMachineTrap(1, last, last + 2);
    }

    [Theory]
    [MemberData(nameof(Engines.Names), MemberType = typeof(Engines))]
    public void Load_ThatFaults_LeavesDestinationAndCountsAsBegun(string engine)
    {
        using var hart = new BareHart(engine) { ["a0"] = 77, ["a1"] = Nowhere };
        hart.Run("ld a0, 0(a1)", 1);
        Assert.Equal((77UL, 1UL), (hart["a0"], hart.Vcpu.Ticks));
        Assert.Equal(1UL, hart.Vcpu.Statistics.Exceptions[5]);
    }

    [Theory]
    [MemberData(nameof(Engines.Names), MemberType = typeof(Engines))]
    public void Run_ForOneTickAtATime_GivesTheSameAsAtOnce(string engine)
    {
        const string Code = "li a0, 10; li a1, 0; loop: add a1, a1, a0; addi a0, a0, -1; bnez a0, loop; ecall";
        using var whole = new BareHart(engine);
        using var stepped = new BareHart(engine);
        whole.Run(Code, 40);
        stepped.Place(Pc, Code);
        for (int i = 0; i < 40; i++) Assert.Equal(VcpuExit.BudgetSpent, stepped.Run(ticks: 1));
        Assert.Equal((whole["a1"], whole.State.Pc, whole.State.Mepc, whole.Vcpu.Ticks), (stepped["a1"], stepped.State.Pc, stepped.State.Mepc, stepped.Vcpu.Ticks));
        Assert.Equal(55UL, whole["a1"]);
    }
}
