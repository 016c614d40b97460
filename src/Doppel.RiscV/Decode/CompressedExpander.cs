namespace Doppel.RiscV.Decode;

/// <summary>
/// Turns a 16-bit instruction into the 32-bit one that it abbreviates (unprivileged manual, chapter "C": each C instruction expands into a
/// single base instruction). Reserved encodings give zero, which is illegal.
/// </summary>
internal static class CompressedExpander
{
    private const uint Load = 0x03, LoadFp = 0x07, OpImm = 0x13, OpImm32 = 0x1B, Store = 0x23, StoreFp = 0x27, Op = 0x33, Lui = 0x37, Op32 = 0x3B;
    private const uint Branch = 0x63, Jalr = 0x67, Jal = 0x6F, Ebreak = 0x00100073;

    internal static uint Expand(uint c) => (c & 3) switch
    {
        0 => ExpandQuadrant0(c),
        1 => ExpandQuadrant1(c),
        _ => ExpandQuadrant2(c),
    };

    private static uint ExpandQuadrant0(uint c)
    {
        uint rd = 8 + Bits(c, 2, 3), rs1 = 8 + Bits(c, 7, 3);
        uint word = (Bits(c, 10, 3) << 3) | (Bits(c, 6, 1) << 2) | (Bits(c, 5, 1) << 6);
        uint doubleword = (Bits(c, 10, 3) << 3) | (Bits(c, 5, 2) << 6);
        switch (c >> 13)
        {
            case 0: // C.ADDI4SPN; a zero immediate is reserved (and the all-zero word is defined as illegal)
                uint wide = (Bits(c, 11, 2) << 4) | (Bits(c, 7, 4) << 6) | (Bits(c, 6, 1) << 2) | (Bits(c, 5, 1) << 3);
                return wide == 0 ? 0 : IType(OpImm, 0, rd, 2, wide);
            case 1: return IType(LoadFp, 3, rd, rs1, doubleword);
            case 2: return IType(Load, 2, rd, rs1, word);
            case 3: return IType(Load, 3, rd, rs1, doubleword);
            case 5: return SType(StoreFp, 3, rs1, rd, doubleword);
            case 6: return SType(Store, 2, rs1, rd, word);
            case 7: return SType(Store, 3, rs1, rd, doubleword);
            default: return 0;
        }
    }

    private static uint ExpandQuadrant1(uint c)
    {
        uint rd = Bits(c, 7, 5);
        uint imm = SignExtend((Bits(c, 12, 1) << 5) | Bits(c, 2, 5), 6);
        switch (c >> 13)
        {
            case 0: return IType(OpImm, 0, rd, rd, imm);
            case 1: return rd == 0 ? 0 : IType(OpImm32, 0, rd, rd, imm); // C.ADDIW
            case 2: return IType(OpImm, 0, rd, 0, imm); // C.LI
            case 3: return ExpandUpper(c, rd, imm);
            case 4: return ExpandArithmetic(c);
            case 5: return JType(0, JumpOffset(c));
            default: // C.BEQZ, C.BNEZ
                uint offset = SignExtend((Bits(c, 12, 1) << 8) | (Bits(c, 10, 2) << 3) | (Bits(c, 5, 2) << 6) | (Bits(c, 3, 2) << 1) | (Bits(c, 2, 1) << 5), 9);
                return BType((c >> 13) & 1, 8 + Bits(c, 7, 3), offset);
        }
    }

    private static uint ExpandUpper(uint c, uint rd, uint imm)
    {
        if (rd == 2) // C.ADDI16SP
        {
            uint wide = SignExtend((Bits(c, 12, 1) << 9) | (Bits(c, 6, 1) << 4) | (Bits(c, 5, 1) << 6) | (Bits(c, 3, 2) << 7) | (Bits(c, 2, 1) << 5), 10);
            return wide == 0 ? 0 : IType(OpImm, 0, 2, 2, wide);
        }
        return imm == 0 ? 0 : (imm << 12) | (rd << 7) | Lui;
    }

    private static uint ExpandArithmetic(uint c)
    {
        uint rd = 8 + Bits(c, 7, 3), rs2 = 8 + Bits(c, 2, 3);
        uint shift = (Bits(c, 12, 1) << 5) | Bits(c, 2, 5);
        switch (Bits(c, 10, 2))
        {
            case 0: return IType(OpImm, 5, rd, rd, shift);
            case 1: return IType(OpImm, 5, rd, rd, shift | 0x400);
            case 2: return IType(OpImm, 7, rd, rd, SignExtend(shift, 6));
        }
        return ((Bits(c, 12, 1) << 2) | Bits(c, 5, 2)) switch
        {
            0 => RType(Op, 0, rd, rd, rs2, 0x20), // C.SUB
            1 => RType(Op, 4, rd, rd, rs2, 0),
            2 => RType(Op, 6, rd, rd, rs2, 0),
            3 => RType(Op, 7, rd, rd, rs2, 0),
            4 => RType(Op32, 0, rd, rd, rs2, 0x20), // C.SUBW
            5 => RType(Op32, 0, rd, rd, rs2, 0),
            _ => 0,
        };
    }

    private static uint ExpandQuadrant2(uint c)
    {
        uint rd = Bits(c, 7, 5), rs2 = Bits(c, 2, 5);
        uint loadWord = (Bits(c, 12, 1) << 5) | (Bits(c, 4, 3) << 2) | (Bits(c, 2, 2) << 6);
        uint loadDouble = (Bits(c, 12, 1) << 5) | (Bits(c, 5, 2) << 3) | (Bits(c, 2, 3) << 6);
        uint storeWord = (Bits(c, 9, 4) << 2) | (Bits(c, 7, 2) << 6);
        uint storeDouble = (Bits(c, 10, 3) << 3) | (Bits(c, 7, 3) << 6);
        return (c >> 13) switch
        {
            0 => IType(OpImm, 1, rd, rd, (Bits(c, 12, 1) << 5) | rs2), // C.SLLI
            1 => IType(LoadFp, 3, rd, 2, loadDouble),
            2 => rd == 0 ? 0 : IType(Load, 2, rd, 2, loadWord),
            3 => rd == 0 ? 0 : IType(Load, 3, rd, 2, loadDouble),
            4 => ExpandMove(c, rd, rs2),
            5 => SType(StoreFp, 3, 2, rs2, storeDouble),
            6 => SType(Store, 2, 2, rs2, storeWord),
            _ => SType(Store, 3, 2, rs2, storeDouble),
        };
    }

    private static uint ExpandMove(uint c, uint rd, uint rs2)
    {
        bool link = Bits(c, 12, 1) != 0;
        if (rs2 != 0) return link ? RType(Op, 0, rd, rd, rs2, 0) : RType(Op, 0, rd, 0, rs2, 0); // C.ADD, C.MV
        if (rd != 0) return IType(Jalr, 0, link ? 1u : 0, rd, 0); // C.JALR, C.JR
        return link ? Ebreak : 0;
    }

    private static uint JumpOffset(uint c)
    {
        uint offset = (Bits(c, 12, 1) << 11) | (Bits(c, 11, 1) << 4) | (Bits(c, 9, 2) << 8) | (Bits(c, 8, 1) << 10)
            | (Bits(c, 7, 1) << 6) | (Bits(c, 6, 1) << 7) | (Bits(c, 3, 3) << 1) | (Bits(c, 2, 1) << 5);
        return SignExtend(offset, 12);
    }

    private static uint Bits(uint value, int low, int count) => (value >> low) & ((1u << count) - 1);

    private static uint SignExtend(uint value, int bits) => (uint)((int)(value << (32 - bits)) >> (32 - bits));

    private static uint RType(uint opcode, uint funct3, uint rd, uint rs1, uint rs2, uint funct7) =>
        (funct7 << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode;

    private static uint IType(uint opcode, uint funct3, uint rd, uint rs1, uint imm) =>
        (imm << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode;

    private static uint SType(uint opcode, uint funct3, uint rs1, uint rs2, uint imm) =>
        (Bits(imm, 5, 7) << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (Bits(imm, 0, 5) << 7) | opcode;

    private static uint BType(uint funct3, uint rs1, uint offset) =>
        (Bits(offset, 12, 1) << 31) | (Bits(offset, 5, 6) << 25) | (rs1 << 15) | (funct3 << 12)
        | (Bits(offset, 1, 4) << 8) | (Bits(offset, 11, 1) << 7) | Branch;

    private static uint JType(uint rd, uint offset) =>
        (Bits(offset, 20, 1) << 31) | (Bits(offset, 1, 10) << 21) | (Bits(offset, 11, 1) << 20) | (Bits(offset, 12, 8) << 12) | (rd << 7) | Jal;
}
