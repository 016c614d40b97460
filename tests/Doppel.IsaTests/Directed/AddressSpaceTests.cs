using Doppel.Core.Execution;
using Doppel.IsaTests.Harts;
using Doppel.RiscV;
using static Doppel.IsaTests.Harts.PageTables;

namespace Doppel.IsaTests.Directed;

/// <summary>
/// Several address spaces in turn, told apart by their ASIDs: what may be kept of each, and what ends it (privileged manual, 10.1.11 and 10.2.1).
/// </summary>
public sealed class AddressSpaceTests
{
    private const ulong Full = V | R | W | X | A | D;

    // An address that each space maps elsewhere, with 2 MiB pages.
    private const ulong Va = 0x4000_0000, At = Va + 0x10_0800;
    private const ulong FirstPlace = BareHart.Ram + 0x10_0800, SecondPlace = BareHart.Ram + 0x30_0800;
    private const ulong Root = BareHart.Tables, Entry = 0x1000;

    public static TheoryData<string> EngineNames => Engines.Names;

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Satp_WrittenInTurn_ShowsTheMappingOfEach(string engine)
    {
        using BareHart hart = Create(engine);

        hart.Run("csrw satp, a2; ld a0, 0(a1); csrw satp, a3; ld a4, 0(a1); csrw satp, a2; ld a5, 0(a1); csrw satp, a3; ld a6, 0(a1)");

        Assert.Equal((1UL, 2UL, 1UL, 2UL), (hart["a0"], hart["a4"], hart["a5"], hart["a6"]));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Satp_WrittenInTurn_RunsTheCodeOfEach(string engine)
    {
        using BareHart hart = Create(engine);
        hart.Place(FirstPlace, "addi a0, a0, 1; jr ra");
        hart.Place(SecondPlace, "addi a0, a0, 256; jr ra");

        hart.Run("li s0, 50; again: csrw satp, a2; jalr ra, 0(a1); csrw satp, a3; jalr ra, 0(a1); addi s0, s0, -1; bnez s0, again");

        Assert.Equal(50UL * 257, hart["a0"]);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Satp_WrittenInACall_ComesBackToTheCodeOfTheNewSpace(string engine)
    {
        using BareHart hart = Create(engine);
        hart.Place(FirstPlace, "mv s1, ra; jalr ra, 0(a6); addi a0, a0, 1; jr s1");
        hart.Place(SecondPlace, "mv s1, ra; jalr ra, 0(a6); addi a0, a0, 256; jr s1");
        hart["a6"] = hart.Place(BareHart.Data, "switch: csrw satp, a3; ret")["switch"];

        hart.Run("li s0, 50; again: csrw satp, a2; jalr ra, 0(a1); addi s0, s0, -1; bnez s0, again");

        Assert.Equal(50UL * 256, hart["a0"]);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Fence_InACallAfterThePageHasMoved_ComesBackToTheNewPage(string engine)
    {
        using BareHart hart = Create(engine);
        hart.Place(FirstPlace, "mv s1, ra; jalr ra, 0(a6); addi a0, a0, 1; jr s1");
        hart.Place(SecondPlace, "mv s1, ra; jalr ra, 0(a6); addi a0, a0, 256; jr s1");
        hart["a6"] = hart.Place(BareHart.Data, "move: sd t0, 0(t1); sfence.vma a1, zero; ret")["move"];
        hart["t0"] = Leaf(BareHart.Ram + 0x20_0000);
        hart["t1"] = Root + (2 * Entry);

        hart.Run("csrw satp, a2; jalr ra, 0(a1)");

        Assert.Equal(256UL, hart["a0"]);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Satp_OfMoreSpacesThanAreKept_ShowsTheMappingOfEach(string engine)
    {
        using BareHart hart = Create(engine);
        hart["t0"] = 1UL << 44;
        // Odd rounds use the second mapping; each round has an ASID of its own.
        const string Body = "csrw satp, a2; ld a4, 0(a1); add a0, a0, a4; csrw satp, a3; ld a4, 0(a1); slli a4, a4, 16; add a0, a0, a4";

        hart.Run($"li s0, 30; again: {Body}; add a2, a2, t0; add a3, a3, t0; addi s0, s0, -1; bnez s0, again");

        Assert.Equal(30UL | (60UL << 16), hart["a0"]);
    }

    // Operands of the fence: neither, address, ASID, both.
    [Theory]
    [MemberData(nameof(Fences))]
    public void Fence_AfterAnotherSpaceHasChanged_EndsWhatWasKeptOfIt(string engine, int row)
    {
        string fence = new[] { "sfence.vma zero, zero", "sfence.vma a1, zero", "sfence.vma zero, t2", "sfence.vma a1, t2" }[row];
        using BareHart hart = Create(engine);
        hart["t0"] = Leaf(BareHart.Ram + 0x20_0000);
        hart["t1"] = Root + (2 * Entry);
        hart["t2"] = 1;

        hart.Run($"csrw satp, a2; ld a0, 0(a1); csrw satp, a3; sd t0, 0(t1); {fence}; csrw satp, a2; ld a4, 0(a1)");

        Assert.Equal((1UL, 2UL), (hart["a0"], hart["a4"]));
    }

    public static TheoryData<string, int> Fences => Engines.With(4);

    // What another hart can ask for: an address, a range, all addresses; each with and without an ASID.
    private static readonly RemoteFence[] s_remote =
    [
        new(false, At, 8, null), new(false, At, 8, 1), new(false, At - 0x3000, 0x4000, null), new(false, At - 0x3FF8, 0x4000, 1),
        new(false, Va, 1UL << 30, null), new(false, Va, 1UL << 30, 1), new(false, 0, ulong.MaxValue, 1), RemoteFence.AllTranslations,
    ];

    public static TheoryData<string, int> RemoteFences => Engines.With(s_remote.Length);

    [Theory]
    [MemberData(nameof(RemoteFences))]
    public void RemoteFence_AfterTheTableChanged_ShowsTheNewPage(string engine, int row)
    {
        using BareHart hart = Create(engine);
        // PAUSE gives the host a turn.
        Assert.Equal(VcpuExit.Yielded, hart.Run("csrw satp, a2; ld a0, 0(a1); .word 0x0100000F; ld a4, 0(a1); j 0", 100));
        hart.Write(Root + (2 * Entry), Leaf(BareHart.Ram + 0x20_0000));

        hart.Vcpu.RequestFence(s_remote[row]);
        hart.Vcpu.AwaitFences();
        hart.Vcpu.Run(new RunBudget(10));

        hart.Vcpu.Save(ref hart.State);
        Assert.Equal((1UL, 2UL), (hart["a0"], hart["a4"]));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void RemoteFence_OfInstructionsAmongMany_RunsTheNewCode(string engine)
    {
        using BareHart hart = Create(engine);
        hart.Place(FirstPlace, "addi a0, a0, 1; jr ra");
        Assert.Equal(VcpuExit.Yielded, hart.Run("csrw satp, a2; li a0, 0; jalr ra, 0(a1); .word 0x0100000F; jalr ra, 0(a1); j 0", 100));
        hart.Place(FirstPlace, "addi a0, a0, 256; jr ra");

        // More than are kept apart.
        hart.Vcpu.RequestFence(RemoteFence.Instructions);
        for (ulong i = 0; i < 100; i++) hart.Vcpu.RequestFence(new RemoteFence(false, i << 12, 4096, null));
        hart.Vcpu.Run(new RunBudget(10));

        hart.Vcpu.Save(ref hart.State);
        Assert.Equal(257UL, hart["a0"]);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Satp_WithoutTranslation_EndsWhatIsGlobalAtOnce(string engine)
    {
        using BareHart hart = Create(engine);
        hart.Write(Root + (2 * Entry), hart.Read(Root + (2 * Entry)) | G);

        hart.Run("csrw satp, a2; ld a0, 0(a1); csrw satp, zero; fault: ld a0, 0(a1)");

        // Nothing stands at that physical address: a load access fault.
        Assert.Equal((1UL, 5UL, At), (hart["a0"], hart.State.Mcause, hart.State.Mtval));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Pages_MoreThanTheTlbHolds_AreAllReached(string engine)
    {
        const int Pages = 5120;
        using var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = Va, ["a2"] = Va + (Pages * 4096UL), ["t0"] = 4096 };
        PageTables tables = new PageTables(hart, 8).MapRam();
        for (ulong i = 0; i < Pages; i++) tables.Map(Va + (i * 4096), BareHart.Data + (i % 5 * 4096), Full);
        for (ulong i = 0; i < 5; i++) hart.Write(BareHart.Data + (i * 4096), i);
        hart.Place(BareHart.Ram, "li s0, 8; again: mv a3, a1; next: ld a4, 0(a3); add a0, a0, a4; sd a0, 8(a3); add a3, a3, t0; bne a3, a2, next; addi s0, s0, -1; bnez s0, again; j 0");

        hart.Run(ticks: 8 * ((Pages * 5) + 8));

        Assert.Equal(8UL * Pages / 5 * (1 + 2 + 3 + 4), hart["a0"]);
        Assert.Equal(hart["a0"], hart.Read(BareHart.Data + (4 * 4096) + 8));
    }

    // RAM stands at its own address in both, global; the spaces have ASIDs 1 and 0x101 and tables of their own.
    private static BareHart Create(string engine)
    {
        var hart = new BareHart(engine) { Mode = PrivilegeMode.Supervisor, ["a1"] = At };
        for (ulong space = 0; space < 2; space++)
        {
            ulong root = Root + (space * Entry), table = root + (2 * Entry);
            hart.Write(root + (2 * 8), Leaf(BareHart.Ram) | G);
            hart.Write(root + 8, (table >> 12 << 10) | V);
            hart.Write(table, Leaf(BareHart.Ram + (space * 0x20_0000)));
        }
        hart["a2"] = SatpOf(Root, 1);
        hart["a3"] = SatpOf(Root + Entry, 0x101);
        hart.Write(FirstPlace, 1);
        hart.Write(SecondPlace, 2);
        return hart;
    }

    private static ulong Leaf(ulong pa) => (pa >> 12 << 10) | Full;

    private static ulong SatpOf(ulong root, ulong asid) => (8UL << 60) | (asid << 44) | (root >> 12);
}
