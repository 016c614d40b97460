using Doppel.RiscV.Context;

namespace Doppel.RiscV.Decode;

/// <summary>Lays the fields of a 32-bit instruction word into a decoded instruction (unprivileged manual, "Base Instruction Formats").</summary>
internal static class OperandDecoder
{
    internal static void Decode(uint word, InstructionFormat format, ref DecodedInstruction i)
    {
        byte rd = (byte)((word >> 7) & 31);
        i.Rd = IsFloatDestination(format) || rd != 0 ? rd : DecodedInstruction.Sink;
        i.Rs1 = (byte)((word >> 15) & 31);
        i.Rs2 = (byte)((word >> 20) & 31);
        i.Imm = format switch
        {
            InstructionFormat.I or InstructionFormat.FpLoad => (int)word >> 20,
            InstructionFormat.Shift => (int)((word >> 20) & 63),
            InstructionFormat.S => (((int)word >> 25) << 5) | rd,
            InstructionFormat.B => BranchOffset(word),
            InstructionFormat.U => (int)(word & 0xFFFFF000),
            InstructionFormat.J => JumpOffset(word),
            InstructionFormat.Zicsr => (int)(word >> 20),
            InstructionFormat.Amo => (int)((word >> 25) & 3),
            InstructionFormat.FpR or InstructionFormat.FpToInt => (int)((word >> 12) & 7),
            InstructionFormat.FpR4 => (int)(((word >> 12) & 7) | ((word >> 27) << 8)),
            _ => (int)word,
        };
    }

    private static bool IsFloatDestination(InstructionFormat format) =>
        format is InstructionFormat.FpLoad or InstructionFormat.FpR or InstructionFormat.FpR4;

    private static int BranchOffset(uint word) =>
        (((int)word >> 31) << 12) | (int)(((word << 4) & 0x800) | ((word >> 20) & 0x7E0) | ((word >> 7) & 0x1E));

    private static int JumpOffset(uint word) =>
        (((int)word >> 31) << 20) | (int)((word & 0xFF000) | ((word >> 9) & 0x800) | ((word >> 20) & 0x7FE));
}
