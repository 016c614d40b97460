using Doppel.IsaTests.Harts;
using Doppel.RiscV;

namespace Doppel.IsaTests.Directed;

/// <summary>Legal values, views, rights and counters of CSRs (privileged manual, chapters 2, 3 and 10; unprivileged manual, Zicsr and Zicntr).</summary>
public sealed class CsrTests
{
    private const ulong AllOnes = ulong.MaxValue;

    // CSR, what is written, what is then read, from the values after reset.
    private static readonly (string Csr, ulong Written, ulong Read)[] s_legal =
    [
        ("mscratch", AllOnes, AllOnes), ("sscratch", AllOnes, AllOnes), ("mepc", AllOnes, AllOnes - 1), ("sepc", AllOnes, AllOnes - 1),
        ("mcause", AllOnes, AllOnes), ("scause", 5, 5), ("mtval", AllOnes, AllOnes), ("stval", AllOnes, AllOnes),
        ("mtvec", 0x8000_0004, 0x8000_0004), ("mtvec", 0x8000_0101, 0x8000_0101), ("stvec", 0x8000_0101, 0x8000_0101),
        // mstatus: the writable fields of a hart with S and U, SD while FS is dirty, UXL and SXL fixed at 64 bits
        ("mstatus", AllOnes, 0x8000_000A_007E_79AA), ("mstatus", 0, 0x0000_000A_0000_0000), ("mstatus", 0x2000, 0x0000_000A_0000_2000),
        ("sstatus", AllOnes, 0x8000_0002_000C_6122), ("sstatus", 0, 0x0000_0002_0000_0000),
        ("misa", 0, 0x8000_0000_0014_112F), ("mie", AllOnes, 0xAAA), ("mideleg", AllOnes, 0x222), ("medeleg", AllOnes, 0xB3FF),
        ("satp", 0x8123_4000_0008_0000, 0x8123_4000_0008_0000), ("satp", 0x9000_0000_0008_0000, 0x9000_0000_0008_0000),
        ("satp", 0xA000_0000_0008_0000, 0xA000_0000_0008_0000), ("satp", 0xF000_0000_0008_0000, 0), ("satp", 0x1000_0000_0008_0000, 0),
        ("mcounteren", AllOnes, 0xFFFF_FFFF), ("scounteren", AllOnes, 0xFFFF_FFFF), ("mcountinhibit", AllOnes, 5),
        ("menvcfg", 0xE000_0000_0000_00F1, 0xE000_0000_0000_00F1), ("menvcfg", 0x20, 0), ("senvcfg", AllOnes, 0xF1), ("senvcfg", 0x20, 0),
        ("fcsr", AllOnes, 0xFF), ("frm", AllOnes, 7), ("fflags", AllOnes, 0x1F), ("mhpmcounter3", AllOnes, 0), ("mhpmevent31", AllOnes, 0),
        ("pmpaddr0", AllOnes, (1UL << 54) - 1), ("pmpcfg0", 0x1F, 0x1F), ("pmpcfg0", 0x7F, 0x1F), ("pmpcfg0", 0x0A, 0x08), ("pmpcfg2", 0x1F00, 0x1F00_0000_0000_1F00 & 0x1F00),
        ("stimecmp", 12345, 12345),
    ];

    public static TheoryData<string> EngineNames => Engines.Names;

    public static TheoryData<string, int> Legal => Engines.With(s_legal.Length);

    [Theory]
    [MemberData(nameof(Legal))]
    public void Write_OfAnyValue_ReadsBackTheLegalOne(string engine, int row)
    {
        (string csr, ulong written, ulong read) = s_legal[row];
        using var hart = new BareHart(engine) { ["a1"] = written };
        hart.State.Mcountinhibit = 0;
        hart.State.SetPmp(15, 0, 0);

        hart.Run($"csrw {csr}, a1; csrr a0, {csr}");

        Assert.True(read == hart["a0"], $"{csr}: wrote {written:x}, read {hart["a0"]:x}, manual {read:x}");
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Mstatus_MppTwo_KeepsTheOldMode(string engine)
    {
        using var hart = new BareHart(engine);
        hart.Run("li t0, 0x800; csrw mstatus, t0; li t0, 0x1000; csrw mstatus, t0; csrr a0, mstatus");
        Assert.NotEqual(0x1000UL, hart["a0"] & 0x1800);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void SetAndClear_ReturnTheOldValueAndChangeNamedBits(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = 0xF0, ["a2"] = 0x3C };
        hart.Run("csrw mscratch, a1; csrrs a3, mscratch, a2; csrrc a4, mscratch, a2; csrrwi a5, mscratch, 21; csrrsi a6, mscratch, 2; csrrci a7, mscratch, 1; csrr s2, mscratch");
        Assert.Equal((0xF0UL, 0xFCUL, 0xC0UL, 21UL, 23UL, 22UL), (hart["a3"], hart["a4"], hart["a5"], hart["a6"], hart["a7"], hart["s2"]));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void CsrSwap_WithSameRegister_ReadsBeforeItWrites(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = 5, ["a2"] = 6 };
        hart.Run("csrw mscratch, a1; csrrw a2, mscratch, a2; csrr a3, mscratch");
        Assert.Equal((5UL, 6UL), (hart["a2"], hart["a3"]));
    }

    // Read-only CSRs may be read by a set or clear of nothing, but not written, not even with what they hold.
    private static readonly (string Code, ulong Cause)[] s_readOnly =
    [
        ("csrrs a0, mhartid, zero", 0), ("csrrc a0, cycle, zero", 0), ("csrrsi a0, mvendorid, 0", 0),
        ("csrrs a0, mhartid, a1", 2), ("csrrw a0, mhartid, zero", 2), ("csrrwi a0, cycle, 0", 2),
    ];

    public static TheoryData<string, int> ReadOnly => Engines.With(s_readOnly.Length);

    [Theory]
    [MemberData(nameof(ReadOnly))]
    public void ReadOnlyCsr_IsIllegalToWrite(string engine, int row)
    {
        using var hart = new BareHart(engine);
        hart.Run(s_readOnly[row].Code, 1);
        Assert.Equal(s_readOnly[row].Cause, hart.State.Mcause);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void EveryCsr_BelowItsPrivilege_IsIllegal(string engine)
    {
        using var hart = new BareHart(engine);
        hart.State.Mcounteren = hart.State.Scounteren = AllOnes;
        hart.State.Menvcfg = 1UL << 63;
        List<string> wrong = [];
        for (int csr = 0; csr < 4096; csr++)
        {
            foreach (PrivilegeMode mode in new[] { PrivilegeMode.User, PrivilegeMode.Supervisor })
            {
                hart.State.Mcause = 0;
                hart.State.Pc = BareHart.Ram;
                hart.Mode = mode;
                hart.Run($"csrr a0, 0x{csr:x}", 1);
                bool mayBeLegal = (int)mode >= (csr >> 8 & 3);
                if (hart.State.Mcause == 0 && !mayBeLegal) wrong.Add($"{csr:x} in {mode}");
            }
        }
        Assert.Empty(wrong);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void FloatingPointCsrs_WhileFsIsOff_AreIllegal(string engine)
    {
        foreach (string code in new[] { "csrr a0, fflags", "csrr a0, frm", "csrw fcsr, a0", "fadd.s ft0, ft0, ft0", "fld ft0, 0(a1)", "c.fldsp ft0, 0(sp)", "fsw ft0, 0(a1)" })
        {
            using var hart = new BareHart(engine) { ["a1"] = BareHart.Data, ["sp"] = BareHart.Data };
            hart.State.Mstatus &= ~(3UL << 13);
            hart.Run(code, 1);
            Assert.Equal((code, 2UL), (code, hart.State.Mcause));
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Fs_AfterFloatingPointChanges_IsDirty(string engine)
    {
        foreach (string code in new[] { "csrwi fflags, 1", "fmv.d.x ft0, a0", "fld ft0, 0(a1)", "fadd.s ft0, ft0, ft0" })
        {
            using var hart = new BareHart(engine) { ["a1"] = BareHart.Data };
            hart.State.Mstatus = (hart.State.Mstatus & ~(3UL << 13)) | (1UL << 13);
            hart.Run(code, 1);
            Assert.Equal((code, 3UL), (code, hart.State.Mstatus >> 13 & 3));
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Counters_AreGatedByCounterenOfEachMode(string engine)
    {
        (PrivilegeMode Mode, ulong Machine, ulong Supervisor, bool Legal)[] cases =
        [
            (PrivilegeMode.Machine, 0, 0, true), (PrivilegeMode.Supervisor, 0, AllOnes, false), (PrivilegeMode.Supervisor, AllOnes, 0, true),
            (PrivilegeMode.User, AllOnes, 0, false), (PrivilegeMode.User, 0, AllOnes, false), (PrivilegeMode.User, AllOnes, AllOnes, true),
        ];
        foreach ((string csr, int bit) in new[] { ("cycle", 0), ("time", 1), ("instret", 2), ("hpmcounter3", 3), ("hpmcounter31", 31) })
        {
            foreach ((PrivilegeMode mode, ulong machine, ulong supervisor, bool legal) in cases)
            {
                using var hart = new BareHart(engine) { Mode = mode };
                hart.State.Mcounteren = machine & (1UL << bit);
                hart.State.Scounteren = supervisor & (1UL << bit);
                hart.Run($"csrr a0, {csr}", 1);
                Assert.Equal((csr, mode, legal), (csr, mode, hart.State.Mcause == 0));
            }
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Instret_BetweenTwoReads_CountsWhatRetiredBetween(string engine)
    {
        using var hart = new BareHart(engine);
        hart.Run("csrr a0, minstret; nop; nop; nop; csrr a1, minstret; csrr a2, instret");
        Assert.Equal((4UL, 1UL), (hart["a1"] - hart["a0"], hart["a2"] - hart["a1"]));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Minstret_Written_CountsOnFromThere(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = 1000 };
        hart.Run("csrw minstret, a1; csrr a0, minstret; nop; csrr a2, minstret");
        Assert.Equal((1000UL, 1002UL), (hart["a0"], hart["a2"]));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Instret_AcrossAnException_LeavesTheTrappingInstructionOut(string engine)
    {
        using var hart = new BareHart(engine);
        IReadOnlyDictionary<string, ulong> labels = hart.Place(BareHart.Ram, "csrr a0, minstret; ecall; handler: csrr a1, minstret; j 0");
        hart.State.Mtvec = labels["handler"];
        hart.Run(ticks: 6);
        Assert.Equal(1UL, hart["a1"] - hart["a0"]);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Mcountinhibit_Set_FreezesTheCounterUntilCleared(string engine)
    {
        using var hart = new BareHart(engine);
        hart.Run("li t0, 5; csrw mcountinhibit, t0; csrr a0, minstret; csrr a2, mcycle; nop; nop; csrr a1, minstret; csrr a3, mcycle; csrw mcountinhibit, zero; nop; csrr a4, minstret");
        Assert.Equal((hart["a0"], hart["a2"]), (hart["a1"], hart["a3"]));
        Assert.InRange(hart["a4"] - hart["a0"], 1UL, 3UL);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Pmp_LockedEntry_KeepsConfigurationAndAddress(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = 0x8F00 };
        hart.Run("li t0, 0x100; csrw pmpaddr1, t0; csrw pmpaddr0, t0; csrw pmpcfg0, a1; li t1, 0x200; csrw pmpaddr1, t1; csrw pmpaddr0, t1; csrw pmpcfg0, zero; csrr a2, pmpaddr1; csrr a3, pmpaddr0; csrr a4, pmpcfg0");
        // Region 1 is locked and TOR: region 0's address, its base, is locked too.
        Assert.Equal((0x100UL, 0x100UL, 0x8F00UL), (hart["a2"], hart["a3"], hart["a4"]));
    }
}
