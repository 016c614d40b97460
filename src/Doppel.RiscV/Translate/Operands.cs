namespace Doppel.RiscV.Translate;

/// <summary>The fields of a 32-bit instruction word (unprivileged manual, "Base Instruction Formats").</summary>
internal readonly struct Operands(uint word)
{
    internal const uint Load = 0x03, LoadFp = 0x07, MiscMem = 0x0F, OpImm = 0x13, Auipc = 0x17, OpImm32 = 0x1B, Store = 0x23, StoreFp = 0x27;
    internal const uint Amo = 0x2F, Op = 0x33, Lui = 0x37, Op32 = 0x3B, MulAdd = 0x43, MulSub = 0x47, NegMulSub = 0x4B, NegMulAdd = 0x4F;
    internal const uint OpFp = 0x53, System = 0x73, Branch = 0x63, Jalr = 0x67, Jal = 0x6F;

    /// <summary>The whole instruction PAUSE (Zihintpause).</summary>
    internal const uint Pause = 0x0100000F;

    internal uint Word => word;

    internal uint Opcode => word & 0x7F;

    internal uint Rd => (word >> 7) & 31;

    internal uint Funct3 => (word >> 12) & 7;

    internal uint Rs1 => (word >> 15) & 31;

    internal uint Rs2 => (word >> 20) & 31;

    internal uint Rs3 => word >> 27;

    internal uint Funct7 => word >> 25;

    internal int ImmI => (int)word >> 20;

    internal int ImmS => (((int)word >> 25) << 5) | (int)Rd;

    internal int ImmU => (int)(word & 0xFFFFF000);

    internal int ImmB => (((int)word >> 31) << 12) | (int)(((word << 4) & 0x800) | ((word >> 20) & 0x7E0) | ((word >> 7) & 0x1E));

    internal int ImmJ => (((int)word >> 31) << 20) | (int)((word & 0xFF000) | ((word >> 9) & 0x800) | ((word >> 20) & 0x7FE));
}
