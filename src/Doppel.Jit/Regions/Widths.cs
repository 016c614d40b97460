using Doppel.Jit.Ir;

namespace Doppel.Jit.Regions;

/// <summary>What operations need and give of the upper half of a value.</summary>
internal static class Widths
{
    /// <summary>True if only the low 32 bits of operand A count.</summary>
    internal static bool ReadsLowA(in IrInst inst) => inst.Op switch
    {
        IrOp.ZeroExtendShl => true,
        IrOp.Extend => inst.Size <= 4,
        IrOp.And => inst.Word || (inst.B < 0 && inst.Imm is >= 0 and <= int.MaxValue),
        IrOp.FloatFromBits => inst.Size == 4,
        IrOp.Shl => inst.Word || (inst.B < 0 && inst.Imm >= 32),
        IrOp.ShlAdd or IrOp.FloatFromInt or IrOp.Branch => inst.Word,
        _ => inst.Word && IsArithmetic(inst.Op),
    };

    /// <summary>True if only the low 32 bits of operand B count.</summary>
    internal static bool ReadsLowB(in IrInst inst) => inst.Op switch
    {
        IrOp.Shl or IrOp.Shr or IrOp.Sar or IrOp.Rol or IrOp.Ror => true,
        IrOp.Store => inst.Size <= 4,
        >= IrOp.AtomicSwap and <= IrOp.AtomicXor => inst.Size == 4,
        IrOp.StoreConditional => inst.Size == 4,
        IrOp.ShlAdd => false,
        IrOp.Branch => inst.Word,
        _ => inst.Word && IsArithmetic(inst.Op),
    };

    /// <summary>True if the result is the sign extension of its low 32 bits, given which operands are.</summary>
    internal static bool GivesNarrow(in IrInst inst, bool narrowA, bool narrowB) => inst.Op switch
    {
        IrOp.Mov => inst.A >= 0 ? narrowA : inst.Imm == (int)inst.Imm,
        IrOp.SetLess or IrOp.SetLessUnsigned or IrOp.LeadingZeros or IrOp.TrailingZeros or IrOp.PopCount => true,
        IrOp.And => inst.Word || (narrowA && narrowB) || (inst.B < 0 && inst.Imm is >= 0 and <= int.MaxValue),
        IrOp.Or or IrOp.Xor or IrOp.Min or IrOp.Max or IrOp.MinUnsigned or IrOp.MaxUnsigned => inst.Word || (narrowA && narrowB),
        IrOp.Extend or IrOp.Load => inst.Size < 4 || (inst.Size == 4 && inst.Signed),
        >= IrOp.AtomicSwap and <= IrOp.LoadReserved => inst.Size == 4,
        IrOp.StoreConditional or IrOp.FloatEqual or IrOp.FloatLess or IrOp.FloatLessEqual => true,
        IrOp.FloatToInt => inst.Word,
        IrOp.FloatToBits => inst.Size == 4,
        IrOp.ShlAdd => false,
        _ => inst.Word && IsArithmetic(inst.Op),
    };

    /// <summary>True for operations that may as well be done on 32 bits when both operands are narrow, with a narrow result.</summary>
    internal static bool MayShrink(IrOp op) => op is IrOp.And or IrOp.Or or IrOp.Xor or IrOp.SetLess or IrOp.SetLessUnsigned or IrOp.Branch;

    private static bool IsArithmetic(IrOp op) => op is >= IrOp.Mov and <= IrOp.ByteSwap;
}
