using Doppel.IsaTests.Harts;

namespace Doppel.IsaTests.Directed;

/// <summary>The edges that the unprivileged manual spells out for integer instructions, one row for each.</summary>
public sealed class IntegerTests
{
    private const ulong Min64 = 0x8000_0000_0000_0000, Max64 = 0x7FFF_FFFF_FFFF_FFFF, Minus1 = ulong.MaxValue;
    private const ulong Min32 = 0xFFFF_FFFF_8000_0000;

    // Instruction with a0 as destination, a1, a2, result.
    private static readonly (string Code, ulong A1, ulong A2, ulong Result)[] s_rows =
    [
        // M, table "Semantics for division by zero and division overflow"
        ("div a0, a1, a2", 5, 0, Minus1), ("divu a0, a1, a2", 5, 0, Minus1), ("rem a0, a1, a2", 5, 0, 5), ("remu a0, a1, a2", 5, 0, 5),
        ("div a0, a1, a2", Min64, Minus1, Min64), ("rem a0, a1, a2", Min64, Minus1, 0),
        ("divw a0, a1, a2", 5, 0, Minus1), ("divuw a0, a1, a2", 5, 0, Minus1), ("remw a0, a1, a2", Min32, 0, Min32),
        ("remuw a0, a1, a2", 0x8000_0000, 0x1_0000_0000, Min32), ("divw a0, a1, a2", 0x8000_0000, 0xFFFF_FFFF, Min32),
        ("remw a0, a1, a2", 0x8000_0000, 0xFFFF_FFFF, 0), ("divuw a0, a1, a2", 0x8000_0000, 1, Min32),
        ("div a0, a1, a2", Minus1 - 6, 2, Minus1 - 2), ("rem a0, a1, a2", Minus1 - 6, 2, Minus1),
        ("mulh a0, a1, a2", Min64, Min64, 0x4000_0000_0000_0000), ("mulhu a0, a1, a2", Minus1, Minus1, Minus1 - 1),
        ("mulhsu a0, a1, a2", Minus1, Minus1, Minus1), ("mulhsu a0, a1, a2", Min64, Minus1, Min64), ("mulh a0, a1, a2", Minus1, Minus1, 0),
        ("mulw a0, a1, a2", 0x1_8000_0000, 1, Min32), ("mul a0, a1, a2", Min64, 2, 0),

        // Shifts take the low 6 bits (5 for W) of rs2; W forms sign-extend
        ("sll a0, a1, a2", 1, 64, 1), ("sll a0, a1, a2", 1, 127, Min64), ("srl a0, a1, a2", Minus1, 63, 1), ("sra a0, a1, a2", Min64, 63, Minus1),
        ("sllw a0, a1, a2", 1, 31, Min32), ("sllw a0, a1, a2", 1, 32, 1), ("srlw a0, a1, a2", Minus1, 0, Minus1), ("srlw a0, a1, a2", Minus1, 1, 0x7FFF_FFFF),
        ("sraw a0, a1, a2", 0x8000_0000, 31, Minus1), ("srliw a0, a1, 0", 0x8000_0000, 0, Min32), ("sraiw a0, a1, 31", 0x4000_0000, 0, 0),
        ("slliw a0, a1, 31", 3, 0, Min32), ("srai a0, a1, 63", Max64, 0, 0), ("slli a0, a1, 63", 3, 0, Min64),
        ("addw a0, a1, a2", 0x7FFF_FFFF, 1, Min32), ("subw a0, a1, a2", 0, 1, Minus1), ("addiw a0, a1, 0", 0xFFFF_FFFF, 0, Minus1),
        ("addiw a0, a1, -1", 0x8000_0000, 0, 0x7FFF_FFFF), ("sltiu a0, a1, -1", Max64, 0, 1), ("sltiu a0, a1, 1", 0, 0, 1), ("slti a0, a1, -1", Min64, 0, 1),
        ("sltu a0, a1, a2", 1, Min64, 1), ("slt a0, a1, a2", 1, Min64, 0), ("lui a0, 0x80000", 0, 0, Min32), ("xori a0, a1, -1", 0, 0, Minus1),

        // Zba
        ("add.uw a0, a1, a2", Minus1, 1, 0x1_0000_0000), ("sh3add.uw a0, a1, a2", Minus1, 8, 0x8_0000_0000), ("sh1add a0, a1, a2", Min64, 1, 1),
        ("slli.uw a0, a1, 63", 3, 0, Min64), ("slli.uw a0, a1, 4", Minus1, 0, 0xF_FFFF_FFF0),

        // Zbb
        ("clz a0, a1", 0, 0, 64), ("ctz a0, a1", 0, 0, 64), ("clzw a0, a1", 0xFFFF_FFFF_0000_0000, 0, 32), ("ctzw a0, a1", 0xFFFF_FFFF_0000_0000, 0, 32),
        ("clzw a0, a1", 1, 0, 31), ("cpop a0, a1", Minus1, 0, 64), ("cpopw a0, a1", Minus1, 0, 32), ("orc.b a0, a1", 0x0100_0080_0000_1000, 0, 0xFF00_00FF_0000_FF00),
        ("rev8 a0, a1", 0x0102_0304_0506_0708, 0, 0x0807_0605_0403_0201), ("sext.b a0, a1", 0x80, 0, Minus1 - 0x7F), ("sext.h a0, a1", 0x1_8000, 0, Minus1 - 0x7FFF),
        ("zext.h a0, a1", Minus1, 0, 0xFFFF), ("rol a0, a1, a2", Min64, 65, 1), ("ror a0, a1, a2", 1, 1, Min64), ("rolw a0, a1, a2", 0x8000_0000, 33, 1),
        ("rorw a0, a1, a2", 1, 1, Min32), ("roriw a0, a1, 0", 0x8000_0000, 0, Min32), ("rori a0, a1, 63", 1, 0, 2), ("max a0, a1, a2", Minus1, 0, 0),
        ("maxu a0, a1, a2", Minus1, 0, Minus1), ("min a0, a1, a2", Minus1, 0, Minus1), ("minu a0, a1, a2", Minus1, 0, 0),
        ("andn a0, a1, a2", Minus1, 0xF0, Minus1 - 0xF0), ("orn a0, a1, a2", 0, 0xF0, Minus1 - 0xF0), ("xnor a0, a1, a2", 5, 5, Minus1),

        // Zbc: (x+1)^2 = x^2+1; all ones squared has alternating bits
        ("clmul a0, a1, a2", 3, 3, 5), ("clmul a0, a1, a2", Minus1, Minus1, 0x5555_5555_5555_5555), ("clmulh a0, a1, a2", Minus1, Minus1, 0x5555_5555_5555_5555),
        ("clmulr a0, a1, a2", Minus1, Minus1, 0xAAAA_AAAA_AAAA_AAAA), ("clmulh a0, a1, a2", Min64, 2, 1), ("clmulr a0, a1, a2", Min64, 2, 2),

        // Zbs: the index is taken modulo 64
        ("bset a0, a1, a2", 0, 127, Min64), ("bclr a0, a1, a2", Minus1, 64, Minus1 - 1), ("binv a0, a1, a2", 1, 0, 0), ("bext a0, a1, a2", Min64, 63, 1),
        ("bseti a0, a1, 63", 0, 0, Min64), ("bclri a0, a1, 63", Minus1, 0, Max64), ("binvi a0, a1, 32", 0, 0, 0x1_0000_0000), ("bexti a0, a1, 1", 2, 0, 1),

        // Zicond
        ("czero.eqz a0, a1, a2", 7, 0, 0), ("czero.eqz a0, a1, a2", 7, Min64, 7), ("czero.nez a0, a1, a2", 7, 0, 7), ("czero.nez a0, a1, a2", 7, 0x1_0000_0000, 0),

        // C: immediates are signed, shifts take six bits, W forms sign-extend
        ("mv a0, a1; c.addi a0, -32", 0, 0, Minus1 - 31), ("mv a0, a1; c.addiw a0, 0", 0xFFFF_FFFF, 0, Minus1), ("c.li a0, -1", 0, 0, Minus1),
        ("c.lui a0, -32", 0, 0, Minus1 - 0x1_FFFF), ("mv a0, a1; c.srai a0, 63", Min64, 0, Minus1), ("mv a0, a1; c.srli a0, 63", Min64, 0, 1),
        ("mv a0, a1; c.slli a0, 63", 1, 0, Min64), ("mv a0, a1; c.andi a0, -2", Minus1, 0, Minus1 - 1), ("mv a0, a1; c.sub a0, a2", 0, 1, Minus1),
        ("mv a0, a1; c.subw a0, a2", 0x8000_0000, 1, 0x7FFF_FFFF), ("mv a0, a1; c.addw a0, a2", 0x7FFF_FFFF, 1, Min32), ("c.mv a0, a1; c.add a0, a2", 1, Minus1, 0),
        ("mv a0, a1; c.xor a0, a2", 5, 1, 4), ("mv a0, a1; c.or a0, a2", 5, 2, 7), ("mv a0, a1; c.and a0, a2", 5, 4, 4),
    ];

    public static TheoryData<string, int> Rows => Engines.With(s_rows.Length);

    [Theory]
    [MemberData(nameof(Rows))]
    public void Result_OfEdgeOperands_IsTheManuals(string engine, int row)
    {
        (string code, ulong a1, ulong a2, ulong result) = s_rows[row];
        using var hart = new BareHart(engine) { ["a0"] = 0x1234, ["a1"] = a1, ["a2"] = a2 };

        hart.Run(code);

        Assert.True(result == hart["a0"], $"{code} with {a1:x}, {a2:x}: {hart["a0"]:x}, manual {result:x}");
    }

    [Theory]
    [MemberData(nameof(Engines.Names), MemberType = typeof(Engines))]
    public void X0_AsDestination_StaysZero(string engine)
    {
        using var hart = new BareHart(engine) { ["a1"] = 7, ["a2"] = BareHart.Data };
        hart.Write(BareHart.Data, 9);

        hart.Run("add zero, a1, a1; ld zero, 0(a2); amoadd.d zero, a1, (a2); csrrw zero, mscratch, a1; jal zero, 4; lui zero, 5; add a0, zero, zero");

        Assert.Equal(0UL, hart["a0"]);
        Assert.Equal(16UL, hart.Read(BareHart.Data));
    }

    [Theory]
    [MemberData(nameof(Engines.Names), MemberType = typeof(Engines))]
    public void Jalr_ToOddAddress_ClearsBitZeroAndReadsRs1First(string engine)
    {
        using var hart = new BareHart(engine);
        IReadOnlyDictionary<string, ulong> labels = hart.Place(BareHart.Ram, "la a0, target; jalr a0, 1(a0); back: j 0; target: li a1, 5; jalr zero, 0(a0)");

        hart.Run(ticks: 8);

        Assert.Equal((labels["back"], labels["back"], 5UL), (hart["a0"], hart.State.Pc, hart["a1"]));
    }
}
