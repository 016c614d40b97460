using Doppel.IsaTests.Common;
using Doppel.IsaTests.Encoding;
using Doppel.IsaTests.Harts;
using Doppel.IsaTests.Streams;

namespace Doppel.IsaTests.Directed;

/// <summary>Which encodings are legal: all compressed ones, and each neighbour of every row of the table.</summary>
public sealed class EncodingTests
{
    public static TheoryData<string> EngineNames => Engines.Names;

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void EveryCompressedEncoding_IsLegalWhereTheManualSaysSo(string engine)
    {
        using var hart = new BareHart(engine);
        List<string> wrong = [];
        for (uint word = 0; word < 0x1_0000; word++)
        {
            if ((word & 3) == 3) continue;
            bool legal = ExecutesLegally(hart, word, 2);
            if (legal != IsLegalCompressed(word)) wrong.Add($"{word:x4} {(legal ? "runs" : "traps")}");
        }
        Assert.Empty(wrong);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void EveryRow_WithOneFixedBitFlipped_IsLegalOnlyIfAnotherRowHasIt(string engine)
    {
        using var hart = new BareHart(engine);
        var rng = new Rng(11);
        List<string> wrong = [];
        foreach (Instruction row in InstructionTable.All.Where(r => r.Length == 4))
        {
            long[] values = [.. row.Operands.Select(o => OperandValues.Pick(o, rng))];
            for (int bit = 2; bit < 32; bit++)
            {
                if ((row.Mask >> bit & 1) == 0) continue;
                uint word = row.Encode(values) ^ (1U << bit);
                bool legal = ExecutesLegally(hart, word, 4);
                if (legal != IsLegal(word)) wrong.Add($"{word:x8} ({row.Name}, bit {bit}) {(legal ? "runs" : "traps")}");
            }
        }
        Assert.Empty(wrong);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void RandomWord_IsLegalOnlyIfTheTableHasIt(string engine)
    {
        using var hart = new BareHart(engine);
        var rng = new Rng(12);
        List<string> wrong = [];
        for (int i = 0; i < 40_000; i++)
        {
            uint word = (uint)rng.Next() | 3;
            bool legal = ExecutesLegally(hart, word, 4);
            if (legal != IsLegal(word)) wrong.Add($"{word:x8} {(legal ? "runs" : "traps")}");
        }
        Assert.Empty(wrong);
    }

    [Theory]
    [MemberData(nameof(EngineNames))]
    public void EveryRow_WithAnyOperands_IsLegalInMachineMode(string engine)
    {
        using var hart = new BareHart(engine);
        var rng = new Rng(13);
        foreach (Instruction row in InstructionTable.All.Where(r => r.Kind != InstructionKind.Csr))
        {
            for (int i = 0; i < 20; i++)
            {
                var step = new Step(row, [.. row.Operands.Select(o => OperandValues.Pick(o, rng))]);
                Assert.True(ExecutesLegally(hart, row.Encode(step.Values), row.Length), row.Format(step.Values));
            }
        }
    }

    // Chapter "C", tables of the instruction listings: reserved encodings trap, hints run.
    private static bool IsLegalCompressed(uint word)
    {
        uint rd = word >> 7 & 31, rs2 = word >> 2 & 31, imm = (word >> 12 & 1) << 5 | rs2;
        return (word & 3, word >> 13) switch
        {
            (0, 0) => (word >> 5 & 0xFF) != 0, // C.ADDI4SPN of nothing, with it the all-zero word
            (0, 4) => false,
            (1, 1) => rd != 0, // C.ADDIW
            (1, 3) => imm != 0, // C.LUI, C.ADDI16SP
            (1, 4) => !((word >> 10 & 7) == 7 && (word >> 5 & 3) >= 2),
            (2, 2) or (2, 3) => rd != 0, // C.LWSP, C.LDSP
            (2, 4) => rs2 != 0 || rd != 0 || (word >> 12 & 1) != 0, // C.JR x0
            _ => true,
        };
    }

    private static bool IsLegal(uint word)
    {
        // All of FENCE's unused fields are to be ignored (2.7); CSR numbers are a matter of rights, not of encoding.
        if ((word & 0x707F) == 0x000F) return true;
        if (InstructionTable.Decode(word) is { } row) return row.Kind != InstructionKind.Csr || IsCsrAccess(word);
        // FENCE.I ignores its operands too; some conversions are exact in every rounding mode but have a field for it all the same.
        return (word & 0x707F) == 0x100F || IsExactConversion(word);
    }

    private static bool IsExactConversion(uint word) =>
        (word >> 12 & 7) is not (5 or 6) && (word & 0xFFF0_007F) is 0x4200_0053 or 0xD200_0053 or 0xD210_0053;

    private static bool IsCsrAccess(uint word)
    {
        uint number = word >> 20;
        bool writes = (word >> 12 & 3) == 1 || (word >> 15 & 31) != 0;
        return CsrNames.IsKnown((int)number) && !(writes && number >> 10 == 3);
    }

    private static bool ExecutesLegally(BareHart hart, uint word, int length)
    {
        hart.Memory.TryWrite(BareHart.Ram, word & (length == 2 ? 0xFFFF : uint.MaxValue));
        hart.State.Pc = BareHart.Ram;
        hart.State.Mcause = 0;
        hart.State.Waiting = 0;
        hart.Mode = Doppel.RiscV.PrivilegeMode.Machine;
        hart.State.Frm = 0;
        hart.State.Mstatus = (3UL << 13) | (3UL << 11);
        hart.State.Mtvec = BareHart.MachineHandler;
        hart.Run(ticks: 1);
        return hart.State.Mcause != 2;
    }
}
