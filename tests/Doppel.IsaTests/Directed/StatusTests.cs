using Doppel.IsaTests.Harts;
using Doppel.RiscV;
using static Doppel.IsaTests.Harts.PageTables;

namespace Doppel.IsaTests.Directed;

/// <summary>
/// CSRs as the supervisor's trap path uses them, in runs that are long enough for every engine's fast path: sstatus with all that follows
/// from its bits (privileged manual, 10.1.1), and registers that only hold a value.
/// </summary>
public sealed class StatusTests
{
    private const ulong Sie = 1 << 1, Spie = 1 << 5, Spp = 1 << 8, Fs = 3 << 13, Sum = 1 << 18, Mxr = 1 << 19, Sd = 1UL << 63, Uxl = 2UL << 32;
    private const ulong Writable = Sie | Spie | Spp | Fs | Sum | Mxr, Software = 1 << 1, Interrupt = 1UL << 63;
    private const ulong LoadFault = 13, Illegal = 2;

    private static readonly ulong[] s_values = [0, Sie, Sum, Fs, 1 << 13, Mxr, Spie | Spp, Sum | Fs, Sie | Sum | Mxr | Fs, ulong.MaxValue, ~Fs, 0x15];

    // The operand is in a1; the immediate forms have 21, the constant ones know their operand when they are translated.
    private static readonly (string Code, Func<ulong, ulong, ulong> Result)[] s_changes =
    [
        ("csrrw a0, sstatus, a1", static (_, v) => v), ("csrrs a0, sstatus, a1", static (old, v) => old | v), ("csrrc a0, sstatus, a1", static (old, v) => old & ~v),
        ("csrrwi a0, sstatus, 21", static (_, _) => 21), ("csrrsi a0, sstatus, 21", static (old, _) => old | 21), ("csrrci a0, sstatus, 21", static (old, _) => old & ~21UL),
        ("li t0, 0x46000; csrrw a0, sstatus, t0", static (_, _) => 0x46000), ("li t0, 0x46000; csrrs a0, sstatus, t0", static (old, _) => old | 0x46000),
        ("li t0, 0x46000; csrrc a0, sstatus, t0", static (old, _) => old & ~0x46000UL), ("mv a0, a1; csrrw a0, sstatus, a0", static (_, v) => v),
    ];

    public static TheoryData<string> EngineNames => Engines.Names;

    public static TheoryData<string, int> Changes => Engines.With(s_changes.Length);

    [Theory]
    [MemberData(nameof(Changes))]
    public void Sstatus_Changed_GivesTheOldValueAndKeepsTheLegalNewOne(string engine, int row)
    {
        (string code, Func<ulong, ulong, ulong> result) = s_changes[row];
        using var hart = new BareHart(engine);
        foreach (ulong old in s_values)
        {
            foreach (ulong value in s_values)
            {
                hart.Mode = PrivilegeMode.Supervisor;
                hart["a1"] = value;
                hart.State.Mstatus = Uxl | (Uxl << 2) | (old & Writable);
                hart.Run($"{code}; csrr a2, sstatus");
                Assert.Equal((old, value, View(old), View(result(View(old), value))), (old, value, hart["a0"], hart["a2"]));
            }
        }
    }

    // Ways to set SIE, and whether an interrupt that is pending is enabled in mie.
    private static readonly (string Code, bool Enabled)[] s_enabling =
    [
        ("csrrsi zero, sstatus, 2", true), ("csrs sstatus, a1", true), ("csrw sstatus, a1", true), ("li t0, 2; csrs sstatus, t0", true), ("csrrwi a0, sstatus, 2", true),
        ("csrrsi zero, sstatus, 2", false), ("csrw sstatus, a1", false),
    ];

    public static TheoryData<string, int> Enabling => Engines.With(s_enabling.Length);

    [Theory]
    [MemberData(nameof(Enabling))]
    public void Sie_SetWhileAnInterruptIsPending_TrapsBeforeTheNextInstruction(string engine, int row)
    {
        (string code, bool enabled) = s_enabling[row];
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = Sie };
        hart.State.Mip = hart.State.Mideleg = Software;
        hart.State.Mie = enabled ? Software : 0;
        ulong next = hart.Place(BareHart.Ram, $"{code}; next: li a5, 1")["next"];

        hart.Run($"{code}; li a5, 1");

        Assert.Equal(enabled ? (0, Interrupt | 1, next) : (1UL, 0UL, 0UL), (hart["a5"], hart.State.Scause, hart.State.Sepc));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Sie_SetAgainWithNothingPending_GoesOn(string engine)
    {
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor };
        hart.State.Mideleg = hart.State.Mie = Software;

        hart.Run("csrrsi a0, sstatus, 2; csrrci a1, sstatus, 2; csrrsi a2, sstatus, 2; csrrsi a3, sstatus, 2");

        Assert.Equal((0UL, Sie, 0UL, Sie), (hart["a0"] & Sie, hart["a1"] & Sie, hart["a2"] & Sie, hart["a3"] & Sie));
    }

    // How SUM is set and cleared, in a register or known.
    private static readonly (string Set, string Clear)[] s_sum = [("csrs sstatus, a2", "csrc sstatus, a2"), ("li t0, 0x40000; csrs sstatus, t0", "li t0, 0x40000; csrc sstatus, t0"), ("csrw sstatus, a2", "csrw sstatus, zero")];

    public static TheoryData<string, int> SumWays => Engines.With(s_sum.Length);

    [Theory]
    [MemberData(nameof(SumWays))]
    public void Sum_SetAndCleared_DecidesOverUserPagesAtOnce(string engine, int row)
    {
        const ulong Va = 0x12_3456_7000;
        (string set, string clear) = s_sum[row];
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = Va, ["a2"] = Sum };
        new PageTables(hart, 8).MapRam().Map(Va, BareHart.Data, V | R | W | U | A | D);
        hart.Write(BareHart.Data + 8, 7);

        // The loop lets the TLBs be warm when it comes to the access that must fault, off the same base.
        hart.Run($"li s0, 3; again: {set}; ld a0, 8(a1); ld a3, 16(a1); add a4, a4, a0; sd a4, 16(a1); {clear}; addi s0, s0, -1; bnez s0, again; ld a5, 8(a1); li a6, 1");

        Assert.Equal((21UL, 0UL, LoadFault, Va + 8), (hart["a4"], hart["a6"], hart.State.Mcause, hart.State.Mtval));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Mxr_SetAndCleared_DecidesOverExecutablePagesAtOnce(string engine)
    {
        const ulong Va = 0x12_3456_7000;
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = Va, ["a2"] = Mxr };
        new PageTables(hart, 8).MapRam().Map(Va, BareHart.Data, V | X | A | D);
        hart.Write(BareHart.Data, 7);

        hart.Run("csrs sstatus, a2; ld a0, 0(a1); csrc sstatus, a2; ld a3, 0(a1)");

        Assert.Equal((7UL, 0UL, LoadFault), (hart["a0"], hart["a3"], hart.State.Mcause));
    }

    // Initial and Clean; stores and moves to integer registers change nothing, so that FS stays (privileged manual, 3.1.6.6).
    [Theory]
    [MemberData(nameof(Unused))]
    public void Fs_NotDirty_StaysWhileRegistersAreOnlyRead(string engine, int row)
    {
        using var hart = new BareHart(engine) { ["sp"] = BareHart.Data };
        hart.State.Mstatus = (hart.State.Mstatus & ~Fs) | ((ulong)(row + 1) << 13);
        SetF(hart, 8, 0x4005_0000_1234_5678);

        hart.Run("fsd fs0, 0(sp); fsw fs0, 8(sp); fmv.x.d a0, fs0; fmv.x.w a1, fs0; csrr a2, sstatus; fmv.d.x fs1, a0; csrr a3, sstatus");

        Assert.Equal((0x4005_0000_1234_5678UL, 0x1234_5678UL, 0x4005_0000_1234_5678UL, 0x1234_5678UL), (hart.Read(BareHart.Data), hart.Read(BareHart.Data + 8), hart["a0"], hart["a1"]));
        Assert.Equal(((ulong)(row + 1) << 13, Fs), (hart["a2"] & Fs, hart["a3"] & Fs));
    }

    public static TheoryData<string, int> Unused => Engines.With(2);

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Fs_Cleared_MakesFloatingPointIllegalAtOnce(string engine)
    {
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = Fs, ["a2"] = 3 };
        ulong pc = hart.Place(BareHart.Ram, "fcvt.d.l ft0, a2; csrc sstatus, a1; csrs sstatus, a1; fadd.d ft1, ft0, ft0; csrc sstatus, a1; fault: fadd.d ft2, ft0, ft0")["fault"];

        hart.Run("fcvt.d.l ft0, a2; csrc sstatus, a1; csrs sstatus, a1; fadd.d ft1, ft0, ft0; csrc sstatus, a1; fadd.d ft2, ft0, ft0");

        Assert.Equal((Illegal, pc), (hart.State.Mcause, hart.State.Mepc));
        Assert.Equal(BitConverter.DoubleToUInt64Bits(6), GetF(hart, 1));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Registers_ThatHoldAValue_AreSwappedAndKeepTheirLegalPart(string engine)
    {
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["tp"] = 5, ["a1"] = ulong.MaxValue };

        hart.Run("csrw sscratch, a1; csrrw tp, sscratch, tp; csrr a0, sscratch; csrw sepc, a1; csrr a2, sepc; csrrwi a3, scause, 9; csrrw a4, scause, zero; csrw stval, a1; csrr a5, stval; csrr a6, stvec");

        Assert.Equal((ulong.MaxValue, 5UL, ulong.MaxValue - 1, 0UL, 9UL, ulong.MaxValue), (hart["tp"], hart["a0"], hart["a2"], hart["a3"], hart["a4"], hart["a5"]));
        Assert.Equal(BareHart.SupervisorHandler, hart["a6"]);
        Assert.Equal((5UL, 0UL), (hart.State.Sscratch, hart.State.Scause));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Registers_OfHigherModes_AreIllegal(string engine)
    {
        string[] supervisor = ["sstatus", "stvec", "sscratch", "sepc", "scause", "stval", "scounteren"], machine = ["mscratch", "mepc", "mcause", "mtval", "mtvec", "mhartid", "mstatus"];
        List<string> passed = [];
        foreach ((PrivilegeMode mode, string csr) in supervisor.Select(static c => (PrivilegeMode.User, c)).Concat(machine.SelectMany(static c => new[] { (PrivilegeMode.User, c), (PrivilegeMode.Supervisor, c) })))
        {
            using var hart = new BareHart(engine) { Mode = mode };
            hart.Run($"csrr a0, {csr}");
            passed.AddRange(hart.State.Mcause == Illegal ? [] : [$"{csr} in {mode}"]);
        }
        Assert.Empty(passed);
    }

    private static ulong View(ulong value)
    {
        ulong seen = (value & Writable) | Uxl;
        return (seen & Fs) == Fs ? seen | Sd : seen;
    }

    private static unsafe ulong GetF(BareHart hart, int register) => hart.State.F[register];

    private static unsafe void SetF(BareHart hart, int register, ulong value) => hart.State.F[register] = value;
}
