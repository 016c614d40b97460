using Doppel.IsaTests.Harts;
using Doppel.RiscV;

namespace Doppel.IsaTests.Directed;

/// <summary>LR/SC and AMOs at their edges (unprivileged manual, chapter "A").</summary>
public sealed class AtomicTests
{
    private const ulong Memory = 0x8000_0000_8000_0000, Minus1 = ulong.MaxValue;

    // AMO, memory before, operand, memory after, result.
    private static readonly (string Name, ulong Before, ulong Operand, ulong After, ulong Result)[] s_amos =
    [
        ("amoswap.w", Memory, 5, 0x8000_0000_0000_0005, 0xFFFF_FFFF_8000_0000), ("amoswap.d", Memory, 5, 5, Memory),
        ("amoadd.w", 0x1_FFFF_FFFF, 1, 0x1_0000_0000, Minus1), ("amoadd.d", Minus1, 1, 0, Minus1),
        ("amoxor.w", Memory, Minus1, 0x8000_0000_7FFF_FFFF, 0xFFFF_FFFF_8000_0000), ("amoxor.d", Memory, Minus1, ~Memory, Memory),
        ("amoand.w", Minus1, 0xF0, 0xFFFF_FFFF_0000_00F0, Minus1), ("amoand.d", Minus1, 0xF0, 0xF0, Minus1),
        ("amoor.w", 0, Minus1, 0xFFFF_FFFF, 0), ("amoor.d", 0, Minus1, Minus1, 0),
        ("amomin.w", 1, 0xFFFF_FFFF, 0xFFFF_FFFF, 1), ("amomin.w", 0x8000_0000, 0, 0x8000_0000, 0xFFFF_FFFF_8000_0000), ("amomin.d", 1, Minus1, Minus1, 1),
        ("amomax.w", 0xFFFF_FFFF, 1, 1, Minus1), ("amomax.d", Minus1, 1, 1, Minus1), ("amomax.w", 1, 0x1_8000_0000, 1, 1),
        ("amominu.w", 0xFFFF_FFFF, 1, 1, Minus1), ("amominu.w", 1, 0x1_0000_0000, 0, 1), ("amominu.d", Minus1, 1, 1, Minus1),
        ("amomaxu.w", 1, 0xFFFF_FFFF, 0xFFFF_FFFF, 1), ("amomaxu.d", 1, Minus1, Minus1, 1), ("amomaxu.w", 0x8000_0000, 1, 0x8000_0000, 0xFFFF_FFFF_8000_0000),
    ];

    public static TheoryData<string> EngineNames => Engines.Names;

    public static TheoryData<string, int> Amos => Engines.With(s_amos.Length);

    [Theory]
    [MemberData(nameof(Amos))]
    public void Amo_AtEdges_StoresAndReturnsTheManuals(string engine, int row)
    {
        (string name, ulong before, ulong operand, ulong after, ulong result) = s_amos[row];
        using var hart = new BareHart(engine) { ["a1"] = BareHart.Data, ["a2"] = operand };
        hart.Write(BareHart.Data, before);

        hart.Run($"{name}.aqrl a0, a2, (a1)");

        Assert.Equal((name, after, result), (name, hart.Read(BareHart.Data), hart["a0"]));
    }

    // Code with a1 = a reserved place, a3 = another; result of SC in a0.
    private static readonly (string Code, ulong Result)[] s_conditionals =
    [
        ("lr.d a2, (a1); sc.d a0, a4, (a1)", 0), ("lr.w a2, (a1); sc.w a0, a4, (a1)", 0),
        ("sc.d a0, a4, (a1)", 1), ("lr.d a2, (a1); sc.d a0, a4, (a3)", 1),
        ("lr.d a2, (a1); sc.d a5, a4, (a1); sc.d a0, a4, (a1)", 1), ("lr.d a2, (a1); sc.d a5, a4, (a3); sc.d a0, a4, (a1)", 1),
        ("lr.d a2, (a3); lr.d a2, (a1); sc.d a0, a4, (a1)", 0), ("lr.d a2, (a1); lr.d a2, (a3); sc.d a0, a4, (a1)", 1),
    ];

    public static TheoryData<string, int> Conditionals => Engines.With(s_conditionals.Length);

    [Theory]
    [MemberData(nameof(Conditionals))]
    public void StoreConditional_ByReservation_SucceedsOrFails(string engine, int row)
    {
        (string code, ulong result) = s_conditionals[row];
        using var hart = new BareHart(engine) { ["a0"] = 55, ["a1"] = BareHart.Data, ["a3"] = BareHart.Data + 64, ["a4"] = 7 };

        hart.Run(code);

        Assert.Equal((code, result), (code, hart["a0"]));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void StoreConditional_ThatFails_LeavesMemory(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = BareHart.Data, ["a4"] = 7 };
        hart.Write(BareHart.Data, 1);
        hart.Run("sc.d a0, a4, (a1)");
        Assert.Equal((1UL, 1UL), (hart["a0"], hart.Read(BareHart.Data)));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void StoreConditional_AfterAnotherAgentStored_Fails(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = BareHart.Data, ["a4"] = 7 };
        hart.Run("lr.d a2, (a1); sc.d a0, a4, (a1)", 1);
        hart.Write(BareHart.Data, 99);
        hart.Run(ticks: 1);
        Assert.Equal((1UL, 99UL), (hart["a0"], hart.Read(BareHart.Data)));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Misaligned_LoadsAndStores_WorkAtEveryDistanceAndAcrossPages(string engine)
    {
        using var hart = new BareHart(engine);
        for (ulong at = BareHart.Data + 4080; at < BareHart.Data + 4104; at++)
        {
            hart["a1"] = at;
            hart["a2"] = 0x8182_8384_8586_8788;
            hart.Run("sd a2, 0(a1); ld a3, 0(a1); lw a4, 0(a1); lhu a5, 1(a1); sw a2, 3(a1); ld a6, 0(a1); sh a2, 7(a1); lh a7, 7(a1)");
            Assert.Equal((0x8182_8384_8586_8788, 0xFFFF_FFFF_8586_8788, 0x8687UL), (hart["a3"], hart["a4"], hart["a5"]));
            Assert.Equal((0x8185_8687_8886_8788, 0xFFFF_FFFF_FFFF_8788), (hart["a6"], hart["a7"]));
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Device_ReachedByLoadsAndStores_SeesEachAccessOnce(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = BareHart.Device, ["a2"] = 0x1122_3344 };
        hart.Run("sw a2, 0(a1); lw a3, 0(a1); lbu a4, 1(a1)");
        Assert.Equal((0x1122_3344UL, 0x33UL, 3), (hart["a3"], hart["a4"], hart.Cell.Accesses));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void Atomic_OnDevice_IsAnAccessFault(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = BareHart.Device };
        hart.Run("amoadd.w a0, a0, (a1)");
        hart.AssertMachineTrap(7, BareHart.Ram, BareHart.Device);
    }

    // Field of menvcfg or senvcfg, instruction.
    private static readonly (int Bit, string Code)[] s_cacheBlocks = [(4, "cbo.inval (a1)"), (6, "cbo.clean (a1)"), (6, "cbo.flush (a1)"), (7, "cbo.zero (a1)")];

    public static TheoryData<string, int> CacheBlocks => Engines.With(s_cacheBlocks.Length);

    [Theory]
    [MemberData(nameof(CacheBlocks))]
    public void CacheBlockInstruction_IsGatedByEnvcfgOfHigherModes(string engine, int row)
    {
        (int bit, string code) = s_cacheBlocks[row];
        (PrivilegeMode Mode, ulong Machine, ulong Supervisor, ulong Cause)[] cases =
        [
            (PrivilegeMode.Machine, 0, 0, 0), (PrivilegeMode.Supervisor, 0, 1, 2), (PrivilegeMode.Supervisor, 1, 0, 0),
            (PrivilegeMode.User, 1, 0, 2), (PrivilegeMode.User, 0, 1, 2), (PrivilegeMode.User, 1, 1, 0),
        ];
        foreach ((PrivilegeMode mode, ulong machine, ulong supervisor, ulong cause) in cases)
        {
            using var hart = new BareHart(engine) { Mode = mode, ["a1"] = BareHart.Data };
            hart.State.Menvcfg = machine << bit;
            hart.State.Senvcfg = supervisor << bit;
            hart.Run(code, 1);
            Assert.Equal((code, mode, cause), (code, mode, hart.State.Mcause));
        }
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void CboZero_InsideABlock_ClearsTheWholeBlockAndNothingElse(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = BareHart.Data + 64 + 37 };
        for (ulong i = 0; i < 24; i++) hart.Write(BareHart.Data + (8 * i), i + 1);
        hart.Run("cbo.zero (a1)");
        Assert.Equal(Enumerable.Range(0, 24).Select(i => i is >= 8 and < 16 ? 0UL : (ulong)i + 1), Enumerable.Range(0, 24).Select(i => hart.Read(BareHart.Data + (8 * (ulong)i))));
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void CacheBlock_WithoutMemory_IsAStoreAccessFaultAtTheGivenAddress(string engine)
    {
        foreach (string code in new[] { "cbo.zero (a1)", "cbo.flush (a1)" })
        {
            using var hart = new BareHart(engine) { ["a1"] = 0x4000_0005 };
            hart.Run(code);
            hart.AssertMachineTrap(7, BareHart.Ram, 0x4000_0005);
        }
    }
}
