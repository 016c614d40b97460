using Doppel.IsaTests.Harts;
using Doppel.RiscV;

namespace Doppel.IsaTests.Directed;

/// <summary>
/// Calls and returns, by the hints of the unprivileged manual ("Unconditional Jumps"): wherever a return is expected to go, it goes where its
/// register says, and finds what is there now.
/// </summary>
public sealed class ReturnTests
{
    public static TheoryData<string> EngineNames => Engines.Names;

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Recursion_DeeperThanASlice_ComesBackFromEachCall(string engine)
    {
        const long Depth = 20_000;
        using var hart = new BareHart(engine) { ["sp"] = BareHart.Ram + BareHart.RamBytes, ["a1"] = Depth };

        RunLong(hart, """
            jal ra, down; bare_end: j 0
            down: addi sp, sp, -16; sd ra, 0(sp); addi a1, a1, -1; beqz a1, up; jal ra, down; addi a0, a0, 1
            up: ld ra, 0(sp); addi sp, sp, 16; ret
            """, Depth * 11);

        Assert.Equal(((ulong)Depth - 1, BareHart.Ram + BareHart.RamBytes), (hart["a0"], hart["sp"]));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Return_OverTheHeadsOfOtherCalls_GoesWhereTheRegisterSays(string engine)
    {
        using var hart = new BareHart(engine) { ["s0"] = 300 };

        RunLong(hart, """
            again: jal ra, first; addi a0, a0, 1; addi s0, s0, -1; bnez s0, again; bare_end: j 0
            first: mv s1, ra; jal ra, second; addi a0, a0, 1024
            second: jal ra, third; addi a0, a0, 1024
            third: mv ra, s1; ret
            """, 300 * 9);

        Assert.Equal(300UL, hart["a0"]);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Return_NowAndThenToAnotherPlace_GoesThere(string engine)
    {
        using var hart = new BareHart(engine) { ["s0"] = 400, ["sp"] = BareHart.Data };

        RunLong(hart, """
            again: jal ra, skip; addi a0, a0, 1; addi s0, s0, -1; bnez s0, again; bare_end: j 0
            skip: sd ra, -8(sp); andi a2, s0, 4; ld ra, -8(sp); add ra, ra, a2; ret
            """, 400 * 9);

        Assert.Equal(200UL, hart["a0"]);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Calls_ThroughEitherLinkRegister_ComeBack(string engine)
    {
        using var hart = new BareHart(engine) { ["s0"] = 100, ["a3"] = BareHart.Data };
        hart.Place(BareHart.Data, "addi a0, a0, 16; jalr t0, 0(ra); addi a0, a0, 64; jr t0");

        // The coroutine is entered by a call, left by another, and entered once more by a return.
        RunLong(hart, """
            again: jalr ra, 0(a3); addi a0, a0, 1; mv t1, t0; jalr t0, 0(t1); addi a0, a0, 2; addi s0, s0, -1; bnez s0, again; bare_end: j 0
            """, 100 * 11);

        Assert.Equal(100UL * (1 + 2 + 16 + 64), hart["a0"]);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Return_ToCodeThatTheCalleeHasChanged_FindsTheNewCode(string engine)
    {
        const uint AddHundred = 0x0645_0513;
        using var hart = new BareHart(engine) { ["a2"] = AddHundred };

        hart.Run("jal ra, change; addi a0, a0, 1; j bare_end; change: sw a2, 0(ra); fence.i; ret");

        Assert.Equal(100UL, hart["a0"]);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Return_InAnotherModeThanTheCall_RunsInThatMode(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = BareHart.Data };
        hart.State.Mscratch = 5;
        hart.Place(BareHart.Data, "ret");

        // The call is made in M-mode. MPP is U-mode, where the same code may not read mscratch.
        hart.Run("jal ra, lower; back: csrr a0, mscratch; j bare_end; lower: csrw mepc, a1; csrw mstatus, zero; mret");

        hart.AssertMachineTrap(cause: 2, BareHart.Ram + 4, value: 0x3400_2573);
        Assert.Equal(0UL, hart["a0"]);
    }

    // Bit 0 of a target is ignored; no translation has an odd address.
    [Theory]
    [InlineData("interp", -1L)]
    [InlineData("jit", -1L)]
    [InlineData("jit", 1L)]
    [InlineData("jit", 0L)]
    [InlineData("jit-optimised", -1L)]
    [InlineData("jit-optimised", 1L)]
    public void Return_WithoutACall_FaultsAtItsTarget(string engine, long target)
    {
        using var hart = new BareHart(engine) { ["ra"] = (ulong)target };

        hart.Run("ret");

        hart.AssertMachineTrap(cause: 1, (ulong)target & ~1UL, (ulong)target & ~1UL);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Jump_ToAnOddAddress_IsNotTakenForAnEmptyEntry(string engine)
    {
        using var hart = new BareHart(engine) { ["a0"] = 1 };
        hart.Place(BareHart.Data + 0x40, "jr a0");
        hart.State.Pc = BareHart.Data + 0x40;

        // Far enough from the end of the run that the translation is used.
        hart.Run(ticks: 1000);

        hart.AssertMachineTrap(cause: 1, 0, 0);
    }

    // More targets than places: all have the same offset, on pages that share their rows.
    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Calls_ToManyPagesInTurn_ReachEachOne(string engine)
    {
        const int Pages = 40;
        using var hart = new BareHart(engine) { ["s0"] = 30, ["s2"] = BareHart.Data, ["s3"] = BareHart.Data + (Pages * 4096), ["t0"] = 4096 };
        for (ulong i = 0; i < Pages; i++) hart.Place(BareHart.Data + (i * 4096), $"addi a0, a0, {i}; ret");

        RunLong(hart, """
            again: mv s1, s2
            next: jalr ra, 0(s1); add s1, s1, t0; bne s1, s3, next
            addi s0, s0, -1; bnez s0, again; bare_end: j 0
            """, 30 * ((Pages * 5) + 3));

        Assert.Equal(30UL * Pages * (Pages - 1) / 2, hart["a0"]);
    }

    private static void RunLong(BareHart hart, string source, long ticks)
    {
        ulong end = hart.Place(BareHart.Ram, source)["bare_end"];
        hart.State.Pc = BareHart.Ram;
        hart.Run(ticks);
        Assert.Equal(end, hart.State.Pc);
    }
}
