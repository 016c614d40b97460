using Doppel.Core.Execution;
using Doppel.IsaTests.Harts;
using Doppel.RiscV;

namespace Doppel.IsaTests.Directed;

/// <summary>Interrupts: enables, priority, delegation, vectors, WFI, the timer of Sstc (privileged manual, 3.1.6.1, 3.1.7, 3.1.9, 3.3.3, Sstc).</summary>
public sealed class InterruptTests
{
    private const int Ssi = 1, Msi = 3, Sti = 5, Mti = 7, Sei = 9, Mei = 11;
    private const ulong Mie = 1 << 3, Sie = 1 << 1, Interrupt = 1UL << 63, Stce = 1UL << 63;

    public static TheoryData<string> EngineNames => Engines.Names;

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Interrupts_AllPending_AreTakenInTheManualsOrder(string engine)
    {
        int[] order = [Mei, Msi, Mti, Sei, Ssi, Sti];
        using var hart = new BareHart(engine);
        hart.State.Mstatus |= Mie;
        hart.State.Mie = 0xAAA;
        hart.State.Mip = 0x222;
        foreach (int wire in new[] { Msi, Mti, Mei }) hart.Vcpu.SetInterrupt(wire, level: true);

        List<ulong> taken = [];
        for (int i = 0; i < order.Length; i++)
        {
            hart.State.Pc = BareHart.Ram;
            hart.State.Mstatus |= Mie;
            hart.Run("nop; nop; nop", 1);
            taken.Add(hart.State.Mcause);
            hart.State.Mie &= ~(1UL << (int)hart.State.Mcause);
        }

        Assert.Equal(order.Select(bit => Interrupt | (ulong)(uint)bit), taken);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Interrupt_Taken_SavesPcAndVectorsByCause(string engine)
    {
        using var hart = new BareHart(engine);
        hart.State.Mstatus |= Mie;
        hart.State.Mie = 1 << Mti;
        hart.State.Mtvec = BareHart.Data | 1;
        hart.State.Mtval = 99;
        hart.Vcpu.SetInterrupt(Mti, level: true);
        hart.Place(BareHart.Data + (4 * Mti), "j 0");

        hart.Run("nop", 2);

        Assert.Equal((BareHart.Data + (4 * Mti), BareHart.Ram, Interrupt | Mti, 0UL), (hart.State.Pc, hart.State.Mepc, hart.State.Mcause, hart.State.Mtval));
        Assert.Equal(1UL << 7 | 3UL << 11, hart.State.Mstatus & (Mie | 1 << 7 | 3UL << 11));
    }

    // Mode, mstatus bits, whether a machine timer interrupt and a delegated supervisor timer interrupt are taken.
    private static readonly (PrivilegeMode Mode, ulong Status, bool Machine, bool Supervisor)[] s_enables =
    [
        (PrivilegeMode.Machine, 0, false, false),
        (PrivilegeMode.Machine, Mie | Sie, true, false),
        (PrivilegeMode.Supervisor, 0, true, false),
        (PrivilegeMode.Supervisor, Sie, true, true),
        (PrivilegeMode.User, 0, true, true),
    ];

    public static TheoryData<string, int> Enables => Engines.With(s_enables.Length);

    [Theory]
    [MemberData(nameof(Enables))]
    public void Interrupt_ByModeAndEnable_IsTakenOrWaits(string engine, int row)
    {
        (PrivilegeMode mode, ulong status, bool machine, bool supervisor) = s_enables[row];
        using var m = new BareHart(engine) { Mode = mode };
        m.State.Mstatus |= status;
        m.State.Mie = 1 << Mti;
        m.Vcpu.SetInterrupt(Mti, level: true);
        m.Run("nop", 1);
        Assert.Equal(machine, m.State.Mcause == (Interrupt | Mti));

        using var s = new BareHart(engine) { Mode = mode };
        s.State.Mstatus |= status;
        s.State.Mie = s.State.Mip = s.State.Mideleg = 1 << Sti;
        s.Run("nop", 1);
        Assert.Equal(supervisor, s.State.Scause == (Interrupt | Sti));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Interrupt_ForMachineMode_GoesBeforeOneDelegated(string engine)
    {
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.User };
        hart.State.Mie = (1 << Mti) | (1 << Sei);
        hart.State.Mip = hart.State.Mideleg = 1 << Sei;
        hart.Vcpu.SetInterrupt(Mti, level: true);
        hart.Run("nop", 1);
        Assert.Equal(Interrupt | Mti, hart.State.Mcause);
        Assert.Equal(PrivilegeMode.Machine, hart.Mode);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Mie_SetByInstruction_LetsTheInterruptInBeforeTheNext(string engine)
    {
        using var hart = new BareHart(engine);
        hart.State.Mie = 1 << Msi;
        hart.Vcpu.SetInterrupt(Msi, level: true);
        hart.Run("nop; csrrsi zero, mstatus, 8; li a0, 5");
        Assert.Equal((BareHart.Ram + 8, 0UL), (hart.State.Mepc, hart["a0"]));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Mip_Written_ChangesSupervisorBitsOnly(string engine)
    {
        using var hart = new BareHart(engine);
        hart.Run("li t0, -1; csrw mip, t0; csrr a0, mip; csrw mip, zero; csrr a1, mip; csrw mie, t0; csrr a2, mie");
        Assert.Equal((0x222UL, 0UL, 0xAAAUL), (hart["a0"], hart["a1"], hart["a2"]));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Sip_Written_ChangesDelegatedSsipOnly(string engine)
    {
        using var hart = new BareHart(engine);
        hart.Run("li t0, -1; csrw sip, t0; csrr a0, mip; csrw mideleg, t0; csrw sip, t0; csrr a1, sip; csrw mip, t0; csrr a2, sip; csrw sip, zero; csrr a3, sip");
        Assert.Equal((0UL, 0x2UL, 0x222UL, 0x220UL), (hart["a0"], hart["a1"], hart["a2"], hart["a3"]));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Sie_Written_ChangesDelegatedBitsOnly(string engine)
    {
        using var hart = new BareHart(engine);
        hart.Run("li t0, -1; csrw mideleg, t0; csrw sie, t0; csrr a0, mie; csrr a1, sie; csrw mideleg, zero; csrr a2, sie; csrw sie, zero; csrr a3, mie");
        Assert.Equal((0x222UL, 0x222UL, 0UL, 0x222UL), (hart["a0"], hart["a1"], hart["a2"], hart["a3"]));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Seip_DrivenByController_IsNotLatchedBySettingAnotherBit(string engine)
    {
        using var hart = new BareHart(engine);
        hart.Vcpu.SetInterrupt(Sei, level: true);
        hart.Run("csrr a0, mip; csrrsi a1, mip, 2");
        hart.Vcpu.SetInterrupt(Sei, level: false);
        hart.Run("csrr a2, mip");
        Assert.Equal((0x200UL, 0x200UL, 0x2UL), (hart["a0"], hart["a1"], hart["a2"]));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Wfi_WithNothingPending_WaitsUntilAnEnabledInterruptPends(string engine)
    {
        using var hart = new BareHart(engine);
        hart.State.Mie = 1 << Msi;
        Assert.Equal(VcpuExit.WaitingForInterrupt, hart.Run("wfi; li a0, 1; j 0", 10));
        Assert.Equal(VcpuExit.WaitingForInterrupt, hart.Run(10));
        Assert.Equal(0UL, hart["a0"]);

        hart.Vcpu.SetInterrupt(Mti, level: true); // not enabled: sleeps on
        Assert.Equal(VcpuExit.WaitingForInterrupt, hart.Run(10));
        hart.Vcpu.SetInterrupt(Msi, level: true);

        // mstatus.MIE is clear: execution goes on without a trap.
        Assert.Equal(VcpuExit.BudgetSpent, hart.Run(10));
        Assert.Equal((1UL, 0UL), (hart["a0"], hart.State.Mcause));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Pause_WithNothingPending_YieldsAndGoesOnBehindIt(string engine)
    {
        using var hart = new BareHart(engine);

        // 0x0100000F is PAUSE (Zihintpause), which assemblers know only with the extension.
        Assert.Equal(VcpuExit.Yielded, hart.Run(".word 0x0100000F; li a0, 1; j 0", 10));
        Assert.Equal(0UL, hart["a0"]);
        Assert.Equal(VcpuExit.BudgetSpent, hart.Run(10));
        Assert.Equal(1UL, hart["a0"]);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Wfi_WakenByInterruptThatTraps_ResumesBehindIt(string engine)
    {
        using var hart = new BareHart(engine);
        hart.State.Mie = 1 << Msi;
        hart.State.Mstatus |= Mie;
        hart.Run("wfi; nop", 10);
        hart.Vcpu.SetInterrupt(Msi, level: true);
        hart.Run(ticks: 3);
        Assert.Equal((Interrupt | Msi, BareHart.Ram + 4), (hart.State.Mcause, hart.State.Mepc));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Stimecmp_InThePast_PendsStipWhileSstcIsOn(string engine)
    {
        using var hart = new BareHart(engine);
        hart.State.Menvcfg = Stce;
        hart.Run("csrw stimecmp, zero; csrr a0, mip; li t0, -1; csrw stimecmp, t0; csrr a1, mip; csrs mip, t0; csrr a2, mip");
        Assert.Equal((0x20UL, 0UL, 0x202UL), (hart["a0"], hart["a1"], hart["a2"]));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Stimecmp_WithoutStceOrTm_IsIllegalInSupervisorMode(string engine)
    {
        foreach ((ulong menvcfg, ulong mcounteren, ulong cause) in new[] { (0UL, 2UL, 2UL), (Stce, 0UL, 2UL), (Stce, 2UL, 9UL) })
        {
            using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor };
            hart.State.Menvcfg = menvcfg;
            hart.State.Mcounteren = mcounteren;
            hart.Run("csrr a0, stimecmp; ecall");
            Assert.Equal(cause, hart.State.Mcause);
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Interrupt_AgainstBusyLoop_ArrivesWithinASlice(string engine)
    {
        using var hart = new BareHart(engine);
        hart.State.Mie = 1 << Mti;
        hart.State.Mstatus |= Mie;
        hart.Run("loop: addi a0, a0, 1; j loop", 1000);
        hart.Vcpu.SetInterrupt(Mti, level: true);
        hart.Run(ticks: 100_000);
        Assert.Equal(Interrupt | Mti, hart.State.Mcause);
        Assert.InRange(hart.State.Mepc, BareHart.Ram, BareHart.Ram + 4);
    }
}
