using Doppel.Jit.Emit;
using Doppel.Jit.Ir;

namespace Doppel.RiscV.Translate;

/// <summary>Lifts the integer register instructions of I, M, Zba, Zbb, Zbc, Zbs and Zicond. False means that the interpreter must do it.</summary>
internal static class IntegerLifter
{
    internal static bool LiftOpImm(UnitBuilder b, in Operands o)
    {
        switch (o.Funct3)
        {
            case 0: b.BinaryImmediate(IrOp.Add, o.Rd, o.Rs1, o.ImmI); return true;
            case 2: b.BinaryImmediate(IrOp.SetLess, o.Rd, o.Rs1, o.ImmI); return true;
            case 3: b.BinaryImmediate(IrOp.SetLessUnsigned, o.Rd, o.Rs1, o.ImmI); return true;
            case 4: b.BinaryImmediate(IrOp.Xor, o.Rd, o.Rs1, o.ImmI); return true;
            case 6: b.BinaryImmediate(IrOp.Or, o.Rd, o.Rs1, o.ImmI); return true;
            case 7: b.BinaryImmediate(IrOp.And, o.Rd, o.Rs1, o.ImmI); return true;
            default: return LiftShiftImm(b, o);
        }
    }

    internal static bool LiftOpImm32(UnitBuilder b, in Operands o)
    {
        uint shift = o.Rs2;
        switch ((o.Funct3, o.Funct7))
        {
            case (0, _):
                b.BinaryImmediate(IrOp.Add, o.Rd, o.Rs1, o.ImmI, word: true);
                return true;
            case (1, 0): b.BinaryImmediate(IrOp.Shl, o.Rd, o.Rs1, shift, word: true); return true;
            case (5, 0): b.BinaryImmediate(IrOp.Shr, o.Rd, o.Rs1, shift, word: true); return true;
            case (5, 0x20): b.BinaryImmediate(IrOp.Sar, o.Rd, o.Rs1, shift, word: true); return true;
            case (5, 0x30): b.BinaryImmediate(IrOp.Ror, o.Rd, o.Rs1, shift, word: true); return true;
            case (1, 0x30) when o.Rs2 <= 2: return LiftCount(b, o, word: true);
            case (1, 0x04 or 0x05): return LiftSlliUw(b, o);
            default: return false;
        }
    }

    internal static bool LiftOp(UnitBuilder b, in Operands o)
    {
        IrOp op = (o.Funct7, o.Funct3) switch
        {
            (0, 0) => IrOp.Add,
            (0x20, 0) => IrOp.Sub,
            (0, 1) => IrOp.Shl,
            (0, 2) => IrOp.SetLess,
            (0, 3) => IrOp.SetLessUnsigned,
            (0, 4) => IrOp.Xor,
            (0, 5) => IrOp.Shr,
            (0x20, 5) => IrOp.Sar,
            (0, 6) => IrOp.Or,
            (0, 7) => IrOp.And,
            (1, 0) => IrOp.Mul,
            (1, 1) => IrOp.MulHighSigned,
            (1, 2) => IrOp.MulHighSignedUnsigned,
            (1, 3) => IrOp.MulHighUnsigned,
            (1, 4) => IrOp.DivSigned,
            (1, 5) => IrOp.DivUnsigned,
            (1, 6) => IrOp.RemSigned,
            (1, 7) => IrOp.RemUnsigned,
            _ => IrOp.Nop,
        };
        if (op == IrOp.Nop) return LiftBitOp(b, o);
        if (op == IrOp.Add && o.Rs1 == 0) b.Move(o.Rd, o.Rs2);
        else if (op == IrOp.Add && o.Rs2 == 0) b.Move(o.Rd, o.Rs1);
        else if (op == IrOp.SetLessUnsigned && o.Rs1 == 0) LiftIsNotZero(b, o);
        else if (op is IrOp.Sub or IrOp.SetLess || op > IrOp.Sar) Generic(b, op, o, word: false);
        else b.Binary(op, o.Rd, o.Rs1, o.Rs2);
        return true;
    }

    internal static bool LiftOp32(UnitBuilder b, in Operands o)
    {
        IrOp op = (o.Funct7, o.Funct3) switch
        {
            (0, 0) => IrOp.Add,
            (0x20, 0) => IrOp.Sub,
            (0, 1) => IrOp.Shl,
            (0, 5) => IrOp.Shr,
            (0x20, 5) => IrOp.Sar,
            (1, 0) => IrOp.Mul,
            (1, 4) => IrOp.DivSigned,
            (1, 5) => IrOp.DivUnsigned,
            (1, 6) => IrOp.RemSigned,
            (1, 7) => IrOp.RemUnsigned,
            (0x30, 1) => IrOp.Rol,
            (0x30, 5) => IrOp.Ror,
            _ => IrOp.Nop,
        };
        if (op != IrOp.Nop)
        {
            Generic(b, op, o, word: true);
            return true;
        }
        return (o.Funct7, o.Funct3) switch
        {
            (4, 0) => LiftShlAdd(b, o, 0, word: true),
            (0x10, 2) => LiftShlAdd(b, o, 1, word: true),
            (0x10, 4) => LiftShlAdd(b, o, 2, word: true),
            (0x10, 6) => LiftShlAdd(b, o, 3, word: true),
            (4, 4) when o.Rs2 == 0 => LiftZeroExtendHalf(b, o),
            _ => false,
        };
    }

    private static bool LiftBitOp(UnitBuilder b, in Operands o)
    {
        switch ((o.Funct7, o.Funct3))
        {
            case (0x10, 2): return LiftShlAdd(b, o, 1, word: false);
            case (0x10, 4): return LiftShlAdd(b, o, 2, word: false);
            case (0x10, 6): return LiftShlAdd(b, o, 3, word: false);
            case (0x24, 5): LiftExtract(b, o); return true;
        }
        IrOp op = (o.Funct7, o.Funct3) switch
        {
            (0x20, 7) => IrOp.AndNot,
            (0x20, 6) => IrOp.OrNot,
            (0x20, 4) => IrOp.XorNot,
            (5, 1) when MultiplyEmitter.HasCarryless => IrOp.CarrylessMul,
            (5, 2) when MultiplyEmitter.HasCarryless => IrOp.CarrylessMulReversed,
            (5, 3) when MultiplyEmitter.HasCarryless => IrOp.CarrylessMulHigh,
            (5, 4) => IrOp.Min,
            (5, 5) => IrOp.MinUnsigned,
            (5, 6) => IrOp.Max,
            (5, 7) => IrOp.MaxUnsigned,
            (7, 5) => IrOp.ZeroIfZero,
            (7, 7) => IrOp.ZeroIfNotZero,
            (0x14, 1) => IrOp.BitSet,
            (0x24, 1) => IrOp.BitClear,
            (0x34, 1) => IrOp.BitInvert,
            (0x30, 1) => IrOp.Rol,
            (0x30, 5) => IrOp.Ror,
            _ => IrOp.Nop,
        };
        if (op == IrOp.Nop) return false;
        Generic(b, op, o, word: false);
        return true;
    }

    private static void Generic(UnitBuilder b, IrOp op, in Operands o, bool word)
    {
        if (o.Rd == 0) return;
        ref IrInst inst = ref b.AddWriting(op, o.Rd);
        inst.A = UnitBuilder.Source(o.Rs1);
        inst.B = UnitBuilder.Source(o.Rs2);
        inst.Word = word;
    }

    private static void LiftIsNotZero(UnitBuilder b, in Operands o)
    {
        if (o.Rd == 0) return;
        ref IrInst inst = ref b.AddWriting(IrOp.SetLessUnsigned, o.Rd);
        inst.B = UnitBuilder.Source(o.Rs2);
    }

    private static bool LiftShlAdd(UnitBuilder b, in Operands o, int shift, bool word)
    {
        if (o.Rd == 0) return true;
        ref IrInst inst = ref b.AddWriting(IrOp.ShlAdd, o.Rd);
        inst.A = UnitBuilder.Source(o.Rs1);
        inst.B = UnitBuilder.Source(o.Rs2);
        inst.Imm = shift;
        inst.Word = word;
        return true;
    }

    // The shift amount has six bits; funct7 without its lowest bit names the operation.
    private static bool LiftShiftImm(UnitBuilder b, in Operands o)
    {
        uint shift = (o.Word >> 20) & 63;
        switch ((o.Funct3, o.Funct7 & ~1u))
        {
            case (1, 0): b.BinaryImmediate(IrOp.Shl, o.Rd, o.Rs1, shift); return true;
            case (5, 0): b.BinaryImmediate(IrOp.Shr, o.Rd, o.Rs1, shift); return true;
            case (5, 0x20): b.BinaryImmediate(IrOp.Sar, o.Rd, o.Rs1, shift); return true;
            case (5, 0x30): b.BinaryImmediate(IrOp.Ror, o.Rd, o.Rs1, shift); return true;
            case (1, 0x30) when o.Funct7 == 0x30: return LiftCount(b, o, word: false);
            case (1, 0x14): b.BinaryImmediate(IrOp.Or, o.Rd, o.Rs1, 1L << (int)shift); return true;
            case (1, 0x24): b.BinaryImmediate(IrOp.And, o.Rd, o.Rs1, ~(1L << (int)shift)); return true;
            case (1, 0x34): b.BinaryImmediate(IrOp.Xor, o.Rd, o.Rs1, 1L << (int)shift); return true;
            case (5, 0x24): LiftExtract(b, o); return true;
            case (5, 0x34) when o.ImmI == 0x6B8: return LiftUnary(b, o, IrOp.ByteSwap, false);
            case (5, 0x14) when o.ImmI == 0x287: return LiftUnary(b, o, IrOp.SpreadBytes, false);
            default: return false;
        }
    }

    // CLZ, CTZ, CPOP, and outside the W forms SEXT.B and SEXT.H.
    private static bool LiftCount(UnitBuilder b, in Operands o, bool word)
    {
        switch (o.Rs2)
        {
            case 0: return LiftUnary(b, o, IrOp.LeadingZeros, word);
            case 1: return LiftUnary(b, o, IrOp.TrailingZeros, word);
            case 2: return LiftUnary(b, o, IrOp.PopCount, word);
            case 4 or 5 when o.Rd != 0 && o.Rs1 != 0:
                ref IrInst inst = ref b.AddWriting(IrOp.Extend, o.Rd);
                inst.A = (short)o.Rs1;
                inst.Size = (byte)(o.Rs2 == 4 ? 1 : 2);
                inst.Signed = true;
                return true;
            default: return false;
        }
    }

    private static bool LiftZeroExtendHalf(UnitBuilder b, in Operands o)
    {
        if (o.Rd == 0) return true;
        ref IrInst inst = ref b.AddWriting(IrOp.And, o.Rd);
        inst.A = UnitBuilder.Source(o.Rs1);
        inst.Imm = 0xFFFF;
        return true;
    }

    // BEXT and BEXTI. The shift uses the low six bits of its operand, as the guest's does.
    private static void LiftExtract(UnitBuilder b, in Operands o)
    {
        if (o.Opcode == Operands.OpImm) b.BinaryImmediate(IrOp.Shr, o.Rd, o.Rs1, (o.Word >> 20) & 63);
        else b.Binary(IrOp.Shr, o.Rd, o.Rs1, o.Rs2);
        b.BinaryImmediate(IrOp.And, o.Rd, o.Rd, 1);
    }

    private static bool LiftUnary(UnitBuilder b, in Operands o, IrOp op, bool word)
    {
        if (o.Rd == 0) return true;
        ref IrInst inst = ref b.AddWriting(op, o.Rd);
        inst.A = UnitBuilder.Source(o.Rs1);
        inst.Word = word;
        return true;
    }

    private static bool LiftSlliUw(UnitBuilder b, in Operands o)
    {
        if (o.Rs1 == 0 || o.Rd == 0) return false;
        ref IrInst inst = ref b.AddWriting(IrOp.ZeroExtendShl, o.Rd);
        inst.A = (short)o.Rs1;
        inst.Imm = (o.Word >> 20) & 63;
        return true;
    }
}
