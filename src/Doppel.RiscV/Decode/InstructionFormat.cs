using Doppel.RiscV.Context;

namespace Doppel.RiscV.Decode;

/// <summary>Which fields an instruction word has, and how they are laid into a <see cref="DecodedInstruction"/>.</summary>
internal enum InstructionFormat : byte
{
    /// <summary>No operand.</summary>
    None,

    /// <summary>rd, rs1, rs2.</summary>
    R,

    /// <summary>rd, rs1, 12-bit signed immediate.</summary>
    I,

    /// <summary>rd, rs1, shift amount of 6 bits (5 for the W forms, whose encoding leaves the sixth zero).</summary>
    Shift,

    /// <summary>rs1, rs2, 12-bit signed immediate.</summary>
    S,

    /// <summary>rs1, rs2, branch offset; within the page Imm counts decoded instructions.</summary>
    B,

    /// <summary>rd, upper immediate already shifted.</summary>
    U,

    /// <summary>rd, jump offset; within the page Imm counts decoded instructions.</summary>
    J,

    /// <summary>rd, rs1 (or 5-bit immediate), CSR number in Imm.</summary>
    Zicsr,

    /// <summary>rs1, rs2 and no destination.</summary>
    Fence,

    /// <summary>rd, rs1, rs2; Imm holds aq and rl.</summary>
    Amo,

    /// <summary>Floating-point rd, integer rs1, 12-bit signed immediate.</summary>
    FpLoad,

    /// <summary>Floating-point rd, rs1, rs2; Imm holds the rounding mode (sources are whichever file the instruction says).</summary>
    FpR,

    /// <summary>Integer rd; sources as <see cref="FpR"/>; Imm holds the rounding mode.</summary>
    FpToInt,

    /// <summary>Floating-point rd, rs1, rs2; Imm holds the rounding mode in bits 0–2 and rs3 in bits 8–12.</summary>
    FpR4,
}
