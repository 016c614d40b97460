using Doppel.RiscV.Context;
using Doppel.RiscV.Decode;

namespace Doppel.RiscV.Semantics;

/// <summary>All instructions of the hart, found by their encoding. Immutable after start-up.</summary>
internal static unsafe class InstructionTable
{
    /// <summary>Stands for the offset of an instruction that is on no page: no distance from here reaches one, so every branch is far.</summary>
    internal const int OnNoPage = int.MinValue / 2;

    // Buckets by major opcode and funct3, the fields that nearly every row fixes.
    private static readonly InstructionRow[][] s_buckets = Build();

    /// <summary>Every row, for tests and tools.</summary>
    internal static InstructionRow[] Rows() => [.. IntegerTable.Rows(), .. AtomicTable.Rows(), .. FloatTable.Rows(), .. BitTable.Rows(), .. SystemTable.Rows()];

    /// <summary>Decodes one instruction.</summary>
    /// <param name="bits">16 or 32 bits; the lowest two tell which.</param>
    /// <param name="offset">Byte offset on its page: decides which branches stay on the page.</param>
    /// <param name="i">Where the decoded form goes.</param>
    internal static void Decode(uint bits, int offset, DecodedInstruction* i)
    {
        bool compressed = (bits & 3) != 3;
        uint word = compressed ? CompressedExpander.Expand((ushort)bits) : bits;
        *i = default;
        i->Length = compressed ? (byte)1 : (byte)2;
        if (!TryFind(word, out InstructionRow row))
        {
            i->Execute = &Flow.Illegal;
            return;
        }
        OperandDecoder.Decode(word, row.Format, ref *i);
        i->Execute = row.Execute;
        if (row.ExecuteNear == null || (uint)(offset + i->Imm) > 0xFFE) return;
        i->Execute = row.ExecuteNear;
        i->Imm >>= 1;
    }

    /// <summary>Finds the row of a 32-bit instruction word.</summary>
    internal static bool TryFind(uint word, out InstructionRow row)
    {
        foreach (InstructionRow candidate in s_buckets[BucketOf(word)])
        {
            if ((word & candidate.Mask) != candidate.Match) continue;
            row = candidate;
            return true;
        }
        row = default;
        return false;
    }

    private static int BucketOf(uint word) => (int)(((word >> 2) & 31) | ((word >> 7) & 0xE0));

    private static InstructionRow[][] Build()
    {
        List<InstructionRow>[] buckets = new List<InstructionRow>[256];
        for (int i = 0; i < buckets.Length; i++) buckets[i] = [];
        foreach (InstructionRow row in Rows())
        {
            // A row that leaves funct3 open goes into all eight buckets of its opcode.
            for (uint funct3 = 0; funct3 < 8; funct3++)
            {
                uint word = (row.Match & ~0x7000u) | (funct3 << 12);
                if ((word & row.Mask) == row.Match) buckets[BucketOf(word)].Add(row);
            }
        }
        return [.. buckets.Select(b => b.ToArray())];
    }
}
