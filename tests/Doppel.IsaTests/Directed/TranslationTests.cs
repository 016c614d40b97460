using Doppel.IsaTests.Harts;
using Doppel.RiscV;
using static Doppel.IsaTests.Harts.PageTables;

namespace Doppel.IsaTests.Directed;

/// <summary>Page walks, page faults and their rights (privileged manual, "Virtual Address Translation Process"; Svadu, Svpbmt).</summary>
public sealed class TranslationTests
{
    private const ulong Va = 0x12_3456_7000, Full = V | R | W | X | A | D, FullUser = Full | U;
    private const ulong Sum = 1 << 18, Mxr = 1 << 19, Mprv = 1 << 17, Adue = 1UL << 61, Pbmte = 1UL << 62;
    private const ulong FetchFault = 12, LoadFault = 13, StoreFault = 15;

    public static TheoryData<string> EngineNames => Engines.Names;

    // Mode of satp, level of the leaf.
    private static readonly (int Mode, int Level)[] s_shapes = [(8, 0), (8, 1), (8, 2), (9, 0), (9, 1), (9, 2), (9, 3), (10, 0), (10, 1), (10, 2), (10, 3), (10, 4)];

    public static TheoryData<string, int> Shapes => Engines.With(s_shapes.Length);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Walk_OfAnyDepthAndPageSize_ReachesThePage(string engine, int row)
    {
        (int mode, int level) = s_shapes[row];
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor };
        ulong span = 4096UL << (9 * level);
        var tables = new PageTables(hart, mode);
        tables.MapRam();
        // The largest pages begin at physical zero: RAM then lies inside at its own distance.
        ulong pa = BareHart.Data & ~(span - 1), va = 1UL << (mode == 8 ? 37 : mode == 9 ? 46 : 55);
        tables.Map(va, pa, Full, level);
        hart["a1"] = va + (BareHart.Data - pa) + 0x18;
        hart.Write(BareHart.Data + 0x18, 0x1234_5678_9ABC_DEF0);

        hart.Run("ld a0, 0(a1); sd a1, 8(a1)");

        Assert.Equal((0x1234_5678_9ABC_DEF0UL, hart["a1"]), (hart["a0"], hart.Read(BareHart.Data + 0x20)));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Walk_ToMisalignedSuperpage_Faults(string engine, int row)
    {
        (int mode, int level) = s_shapes[row];
        ulong va = 1UL << (mode == 8 ? 37 : mode == 9 ? 46 : 55);
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = va };
        new PageTables(hart, mode).MapRam().Map(va, BareHart.Data + 0x1000, Full, level);

        hart.Run("ld a0, 0(a1)");

        // 4 KiB pages are aligned to any page.
        Assert.Equal(level == 0 ? 0UL : LoadFault, hart.State.Mcause);
    }

    // Mode of satp, address, whether it is canonical.
    private static readonly (int Mode, ulong Va, bool Canonical)[] s_canonical =
    [
        (8, 0x0000_003F_FFFF_F000, true), (8, 0xFFFF_FFC0_0000_0000, true), (8, 0x0000_0040_0000_0000, false), (8, 0xFFFF_FFBF_FFFF_F000, false), (8, 0x8000_0000_0000_0000, false),
        (9, 0x0000_7FFF_FFFF_F000, true), (9, 0xFFFF_8000_0000_0000, true), (9, 0x0000_8000_0000_0000, false), (9, 0xFFFF_7FFF_FFFF_F000, false),
        (10, 0x00FF_FFFF_FFFF_F000, true), (10, 0xFF00_0000_0000_0000, true), (10, 0x0100_0000_0000_0000, false), (10, 0xFEFF_FFFF_FFFF_F000, false),
    ];

    public static TheoryData<string, int> CanonicalRows => Engines.With(s_canonical.Length);

    [Theory]
    [MemberData(nameof(CanonicalRows))]
    public void Address_OutsideTheSignExtendedRange_FaultsForLoadStoreAndFetch(string engine, int row)
    {
        (int mode, ulong va, bool canonical) = s_canonical[row];
        foreach ((string code, ulong cause) in new[] { ("ld a0, 0(a1)", LoadFault), ("sd a0, 0(a1)", StoreFault), ("jr a1", FetchFault) })
        {
            using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = va };
            new PageTables(hart, mode).MapRam().Map(va, BareHart.Data, Full);
            hart.Place(BareHart.Data, "j 0");
            hart.Place(BareHart.Ram, $"{code}; j 0");
            hart.Run(ticks: 2);
            Assert.Equal((code, canonical ? 0 : cause), (code, hart.State.Mcause));
            Assert.Equal(canonical ? 0 : va, hart.State.Mtval);
        }
    }

    // Bits of a leaf, extra mstatus bits, mode, then whether load, store and fetch pass.
    private static readonly (ulong Bits, ulong Status, PrivilegeMode Mode, bool Load, bool Store, bool Fetch)[] s_rights =
    [
        (V | R | A | D, 0, PrivilegeMode.Supervisor, true, false, false), (V | R | W | A | D, 0, PrivilegeMode.Supervisor, true, true, false),
        (V | X | A | D, 0, PrivilegeMode.Supervisor, false, false, true), (V | R | X | A | D, 0, PrivilegeMode.Supervisor, true, false, true), (Full, 0, PrivilegeMode.Supervisor, true, true, true),
        (R | W | X | A | D, 0, PrivilegeMode.Supervisor, false, false, false), // not valid
        (V | W | A | D, 0, PrivilegeMode.Supervisor, false, false, false), (V | W | X | A | D, 0, PrivilegeMode.Supervisor, false, false, false), // reserved
        (V | A | D, 0, PrivilegeMode.Supervisor, false, false, false), // a pointer below the last level
        (FullUser, 0, PrivilegeMode.Supervisor, false, false, false), (FullUser, Sum, PrivilegeMode.Supervisor, true, true, false), // S never fetches from U
        (FullUser, 0, PrivilegeMode.User, true, true, true), (Full, 0, PrivilegeMode.User, false, false, false), (Full, Sum, PrivilegeMode.User, false, false, false),
        (V | X | A | D, Mxr, PrivilegeMode.Supervisor, true, false, true), (V | X | U | A | D, Mxr, PrivilegeMode.User, true, false, true), (V | X | U | A | D, Mxr, PrivilegeMode.Supervisor, false, false, false),
        (V | X | U | A | D, Mxr | Sum, PrivilegeMode.Supervisor, true, false, false), (Full | G, 0, PrivilegeMode.Supervisor, true, true, true), (Full | 0x300, 0, PrivilegeMode.Supervisor, true, true, true),
        // A and D without ADUE: software keeps them (Svade)
        (Full & ~A, 0, PrivilegeMode.Supervisor, false, false, false), (Full & ~D, 0, PrivilegeMode.Supervisor, true, false, true),
        // Reserved bits 60-54 and, without Svnapot, 63
        (Full | 1UL << 54, 0, PrivilegeMode.Supervisor, false, false, false), (Full | 1UL << 58, 0, PrivilegeMode.Supervisor, false, false, false),
        (Full | 1UL << 59, 0, PrivilegeMode.Supervisor, false, false, false), (Full | 1UL << 60, 0, PrivilegeMode.Supervisor, false, false, false), (Full | 1UL << 63, 0, PrivilegeMode.Supervisor, false, false, false),
        (Full | 1UL << 61, 0, PrivilegeMode.Supervisor, false, false, false), (Full | 1UL << 62, 0, PrivilegeMode.Supervisor, false, false, false),
    ];

    public static TheoryData<string, int> Rights => Engines.With(s_rights.Length);

    [Theory]
    [MemberData(nameof(Rights))]
    public void Page_WithBits_AllowsWhatTheManualSays(string engine, int row)
    {
        (ulong bits, ulong status, PrivilegeMode mode, bool load, bool store, bool fetch) = s_rights[row];
        foreach ((string code, bool passes, ulong cause) in new[] { ("ld a0, 0(a1)", load, LoadFault), ("sd a0, 0(a1)", store, StoreFault), ("amoadd.d a0, a0, (a1)", load && store, StoreFault), ("jr a1", fetch, FetchFault) })
        {
            using var hart = new BareHart(engine) { Mode = mode, ["a1"] = Va };
            // Code for U-mode stands in a user page, elsewhere.
            PageTables tables = new PageTables(hart, 8).MapRam();
            tables.Map(0xC000_0000, BareHart.Ram, FullUser, level: 2);
            tables.Map(Va, BareHart.Data, bits);
            hart.Place(BareHart.Data, "j 0");
            hart.Place(BareHart.Ram, $"{code}; j 0");
            hart.State.Pc = mode == PrivilegeMode.User ? 0xC000_0000 : BareHart.Ram;
            hart.State.Mstatus |= status;
            hart.Run(ticks: 2);
            Assert.Equal((code, passes ? 0 : cause, passes ? 0 : Va), (code, hart.State.Mcause, hart.State.Mtval));
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void PointerEntry_WithReservedBits_Faults(string engine)
    {
        foreach (ulong bit in new[] { A, D, U, 1UL << 54, 1UL << 60, 1UL << 61, 1UL << 63 })
        {
            using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = Va };
            PageTables tables = new PageTables(hart, 8).MapRam();
            tables.Map(Va, BareHart.Data, Full);
            ulong slot = BareHart.Tables + ((Va >> 30 & 511) * 8);
            hart.Write(slot, hart.Read(slot) | bit);
            hart.Run("ld a0, 0(a1)");
            hart.AssertMachineTrap(LoadFault, BareHart.Ram, Va);
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void WalkThatRunsOutOfMemory_IsAnAccessFaultOfTheAccess(string engine)
    {
        foreach ((string code, ulong cause) in new[] { ("ld a0, 0(a1)", 5UL), ("sd a0, 0(a1)", 7UL), ("jr a1", 1UL) })
        {
            using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = Va };
            PageTables tables = new PageTables(hart, 8).MapRam();
            tables.Map(Va, 0x4000_0000, V, level: 2); // a pointer to where there is no RAM
            hart.Place(BareHart.Ram, $"{code}; j 0");
            hart.Run(ticks: 2);
            hart.AssertMachineTrap(cause, cause == 1 ? Va : BareHart.Ram, Va);
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void AccessedAndDirty_WithAdue_AreSetByTheHart(string engine)
    {
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = Va };
        ulong leaf = new PageTables(hart, 8).MapRam().Map(Va, BareHart.Data, V | R | W);
        hart.State.Menvcfg = Adue;
        hart.Run("ld a0, 0(a1)");
        Assert.Equal(V | R | W | A, hart.Read(leaf) & 0x3FF);
        hart.Run("sd a0, 0(a1)");
        Assert.Equal(V | R | W | A | D, hart.Read(leaf) & 0x3FF);
        Assert.Equal(0UL, hart.State.Mcause);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void MemoryType_WithPbmte_IsAcceptedExceptTheReservedOne(string engine)
    {
        foreach ((ulong type, ulong cause) in new[] { (1UL, 0UL), (2UL, 0UL), (3UL, LoadFault) })
        {
            using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = Va };
            new PageTables(hart, 8).MapRam().Map(Va, BareHart.Data, Full | (type << 61));
            hart.State.Menvcfg = Pbmte;
            hart.Run("ld a0, 0(a1)");
            Assert.Equal((type, cause), (type, hart.State.Mcause));
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Mprv_InMachineMode_LoadsAndStoresAsMppButFetchesAsMachine(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = Va, ["a2"] = 77 };
        new PageTables(hart, 8).Map(Va, BareHart.Data, Full); // no mapping of the code
        hart.State.Mstatus |= Mprv | (1UL << 11);
        hart.Run("sd a2, 0(a1); ld a0, 0(a1)");
        Assert.Equal((77UL, 77UL), (hart["a0"], hart.Read(BareHart.Data)));

        hart.State.Mstatus &= ~(3UL << 11); // MPP = U: the page is not the user's
        hart.Run("ld a0, 0(a1)");
        hart.AssertMachineTrap(LoadFault, BareHart.Ram, Va);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void SumAndMxr_FlippedByInstructions_TakeEffectAtOnce(string engine)
    {
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = Va, ["a2"] = Va + 0x1000, ["t0"] = Sum, ["t1"] = Mxr };
        PageTables tables = new PageTables(hart, 8).MapRam();
        tables.Map(Va, BareHart.Data, FullUser);
        tables.Map(Va + 0x1000, BareHart.Data, V | X | A);
        IReadOnlyDictionary<string, ulong> labels = hart.Place(BareHart.Ram,
            "csrs sstatus, t0; ld a0, 0(a1); csrs sstatus, t1; ld a0, 0(a2); csrc sstatus, t1; first: ld a0, 0(a2); csrc sstatus, t0; second: ld a0, 0(a1); j 0");
        hart.Run(ticks: 6);
        hart.AssertMachineTrap(LoadFault, labels["first"], Va + 0x1000);
        hart.State.Pc = labels["first"] + 4;
        hart.Mode = PrivilegeMode.Supervisor;
        hart.Run(ticks: 2);
        hart.AssertMachineTrap(LoadFault, labels["second"], Va);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void SfenceVma_AfterTheTableChanged_ShowsTheNewPage(string engine)
    {
        foreach (string fence in new[] { "sfence.vma", "sfence.vma a1, zero", "sfence.w.inval; sinval.vma a1, zero; sfence.inval.ir" })
        {
            using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = Va };
            ulong leaf = new PageTables(hart, 8).MapRam().Map(Va, BareHart.Data, Full);
            hart["a2"] = leaf;
            hart["a3"] = ((BareHart.Data + 0x1000) >> 12 << 10) | Full;
            hart.Write(BareHart.Data, 1);
            hart.Write(BareHart.Data + 0x1000, 2);
            hart.Run($"ld a4, 0(a1); sd a3, 0(a2); {fence}; ld a5, 0(a1)");
            Assert.Equal((fence, 1UL, 2UL), (fence, hart["a4"], hart["a5"]));
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void MisalignedAccess_IntoAFaultingPage_ReportsThatPageAndStoresNothing(string engine)
    {
        foreach ((string code, ulong cause) in new[] { ("ld a0, 0(a1)", LoadFault), ("sd a0, 0(a1)", StoreFault) })
        {
            using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a0"] = ulong.MaxValue, ["a1"] = Va + 0xFFC };
            new PageTables(hart, 8).MapRam().Map(Va, BareHart.Data, Full);
            hart.Run(code);
            hart.AssertMachineTrap(cause, BareHart.Ram, Va + 0x1000);
            Assert.Equal(0UL, hart.Read(BareHart.Data + 0xFF8));
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Instruction_AcrossTwoPages_RunsFromBothAndFaultsInTheSecond(string engine)
    {
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor };
        PageTables tables = new PageTables(hart, 8).MapRam();
        tables.Map(Va, BareHart.Data, Full);
        ulong second = tables.Map(Va + 0x1000, BareHart.Data + 0x5000, Full); // not adjacent in physical memory
        hart.Memory.TryWrite(BareHart.Data + 0xFFE, (ushort)0x0513); // li a0, 0x123, in two halves
        hart.Memory.TryWrite(BareHart.Data + 0x5000, (ushort)0x1230);
        hart.Memory.TryWrite(BareHart.Data + 0x5002, (ushort)0xA001); // j 0
        hart.State.Pc = Va + 0xFFE;
        hart.Run(ticks: 2);
        Assert.Equal((0x123UL, Va + 0x1002), (hart["a0"], hart.State.Pc));

        hart.Write(second, 0);
        hart.State.Pc = Va + 0xFFE;
        hart.Run(ticks: 1);
        hart.AssertMachineTrap(FetchFault, Va + 0xFFE, Va + 0x1000);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Satp_SwitchedByInstruction_ChangesTheNextAccess(string engine)
    {
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor };
        PageTables tables = new PageTables(hart, 8).MapRam();
        tables.Map(0x1_0000_0000, BareHart.Data, Full);
        hart.State.Satp = 0;
        hart["a1"] = tables.Satp;
        hart["a2"] = 0x1_0000_0000;
        hart.Write(BareHart.Data, 99);
        hart.Run("csrw satp, a1; sfence.vma; ld a0, 0(a2); csrw satp, zero; sfence.vma; ld a3, 0(a2)");
        Assert.Equal((99UL, 5UL), (hart["a0"], hart.State.Mcause));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void MachineMode_IgnoresSatp(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = BareHart.Data };
        hart.State.Satp = new PageTables(hart, 8).Satp;
        hart.Write(BareHart.Data, 5);
        hart.Run("ld a0, 0(a1)");
        Assert.Equal(5UL, hart["a0"]);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void SelfModifyingCode_AfterFenceI_RunsTheNewInstruction(string engine)
    {
        using var hart = new BareHart(engine) { ["a2"] = BitConverter.ToUInt32(Assembler.Assemble("addi a0, a0, 16", 0).Code) };
        hart.Run("li a0, 0; li a3, 2; la a1, patch; patch: addi a0, a0, 1; sw a2, 0(a1); fence.i; addi a3, a3, -1; bnez a3, patch");
        Assert.Equal(17UL, hart["a0"]);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void SelfModifyingCode_ThroughAnotherMapping_RunsTheNewInstructionAfterFenceI(string engine)
    {
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = Va, ["a2"] = 0x0105_0513 };
        PageTables tables = new PageTables(hart, 8).MapRam();
        tables.Map(Va, BareHart.Data, V | R | W | A | D);
        hart.Place(BareHart.Data, "addi a0, a0, 1; ret");
        hart["a4"] = BareHart.Data;
        hart.Run("jalr ra, 0(a4); jalr ra, 0(a4); sw a2, 0(a1); fence.i; jalr ra, 0(a4)");
        Assert.Equal(18UL, hart["a0"]);
    }
}
