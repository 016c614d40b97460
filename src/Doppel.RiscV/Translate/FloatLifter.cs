using Doppel.Jit.Ir;

namespace Doppel.RiscV.Translate;

/// <summary>Lifts F and D. False means that the interpreter must do it.</summary>
internal sealed class FloatLifter(UnitBuilder builder)
{
    private const uint RoundTowardZero = 1, RoundMaxMagnitude = 4, DynamicRounding = 7;

    // By the guest's number.
    private static readonly IrRounding[] s_roundings = [IrRounding.Nearest, IrRounding.Truncate, IrRounding.Down, IrRounding.Up, IrRounding.NearestAway];

    internal bool TryLift(in Operands o) => o.Opcode switch
    {
        Operands.LoadFp => LiftLoad(o),
        Operands.StoreFp => LiftStore(o),
        Operands.MulAdd => LiftFused(o, IrOp.FloatMulAdd),
        Operands.MulSub => LiftFused(o, IrOp.FloatMulSub),
        Operands.NegMulSub => LiftFused(o, IrOp.FloatNegMulSub),
        Operands.NegMulAdd => LiftFused(o, IrOp.FloatNegMulAdd),
        Operands.OpFp => LiftOp(o),
        Operands.System => LiftFlags(o),
        _ => false,
    };

    private static short Slot(uint register) => (short)(UnitBuilder.FirstFloat + register);

    // Checked once in a unit: nothing inside one changes mstatus or frm.
    private void Guard()
    {
        if (builder.FloatChecked) return;
        builder.Add(IrOp.FloatGuard);
        builder.FloatChecked = true;
    }

    // Stores and moves to integer registers leave the state as it is: they may run while FS is Initial or Clean (privileged manual, 3.1.6.6).
    private void GuardRead()
    {
        if (builder.FloatChecked || builder.FloatReadChecked) return;
        builder.Add(IrOp.FloatReadGuard);
        builder.FloatReadChecked = true;
    }

    // The host rounds as frm says; an instruction that names another mode is the interpreter's.
    private bool TryGuardRounding(in Operands o)
    {
        if (o.Funct3 is 4 or 5 or 6) return false;
        Guard();
        if (o.Funct3 != DynamicRounding) builder.Add(IrOp.RoundingGuard).Imm = o.Funct3;
        return true;
    }

    // Reading frm and fcsr, and CSRRS, CSRRW and CSRRWI of fflags, which isless() and much of libm use. Other CSRs are the interpreter's.
    private bool LiftFlags(in Operands o)
    {
        const uint Fflags = 1, Frm = 2, Fcsr = 3, Write = 1, Set = 2, WriteImmediate = 5;
        if (o.Word >> 20 == Frm && o.Funct3 == Set && o.Rs1 == 0)
        {
            Guard();
            if (o.Rd == 0) return true;
            ref IrInst read = ref builder.AddWriting(IrOp.ContextRead, o.Rd);
            read.Imm = JitContext.RoundingModeOffset;
            read.Size = sizeof(uint);
            return true;
        }
        if (o.Word >> 20 is (Fflags or Fcsr) and var number && o.Funct3 == Set && o.Rs1 == 0)
        {
            Guard();
            if (o.Rd != 0) builder.AddWriting(IrOp.FloatReadFlags, o.Rd).Imm = number == Fcsr ? 1 : 0;
            return true;
        }
        if (o.Word >> 20 != Fflags || o.Funct3 is not (Write or WriteImmediate)) return false;
        Guard();
        ref IrInst inst = ref builder.AddWriting(IrOp.FloatWriteFlags, o.Rd);
        if (o.Funct3 == Write) inst.A = UnitBuilder.Source(o.Rs1);
        else inst.Imm = o.Rs1;
        return true;
    }

    private bool LiftLoad(in Operands o)
    {
        if (o.Funct3 is not (2 or 3)) return false;
        Guard();
        builder.AddAccess(IrOp.LoadFloat, o.Rs1, o.ImmI, 1 << (int)o.Funct3).Dst = Slot(o.Rd);
        return true;
    }

    private bool LiftStore(in Operands o)
    {
        if (o.Funct3 is not (2 or 3)) return false;
        GuardRead();
        builder.AddAccess(IrOp.StoreFloat, o.Rs1, o.ImmS, 1 << (int)o.Funct3).B = Slot(o.Rs2);
        return true;
    }

    private bool LiftFused(in Operands o, IrOp op)
    {
        uint format = (o.Word >> 25) & 3;
        if (format > 1 || !TryGuardRounding(o)) return false;
        ref IrInst inst = ref AddFloat(op, o, format);
        inst.B = Slot(o.Rs2);
        inst.C = Slot(o.Rs3);
        return true;
    }

    private bool LiftOp(in Operands o)
    {
        uint format = o.Funct7 & 3;
        if (format > 1) return false;
        switch (o.Funct7 >> 2)
        {
            case 0: return LiftArithmetic(o, IrOp.FloatAdd, format);
            case 1: return LiftArithmetic(o, IrOp.FloatSub, format);
            case 2: return LiftArithmetic(o, IrOp.FloatMul, format);
            case 3: return LiftArithmetic(o, IrOp.FloatDiv, format);
            case 0x0B when o.Rs2 == 0:
                if (!TryGuardRounding(o)) return false;
                AddFloat(IrOp.FloatSqrt, o, format);
                return true;
            case 4 when o.Funct3 <= 2: return LiftSign(o, format);
            case 0x14 when o.Funct3 <= 2: return LiftCompare(o, format);
            case 5 when o.Funct3 <= 1:
                Guard();
                AddFloat(o.Funct3 == 0 ? IrOp.FloatMin : IrOp.FloatMax, o, format).B = Slot(o.Rs2);
                return true;
            case 8: return LiftConvert(o, format);
            case 0x18: return LiftToInt(o, format);
            case 0x1A: return LiftFromInt(o, format);
            case 0x1C when o.Rs2 == 0 && o.Funct3 == 0: return LiftToInteger(o, IrOp.FloatToBits, format);
            case 0x1C when o.Rs2 == 0 && o.Funct3 == 1: return LiftToInteger(o, IrOp.FloatClass, format);
            case 0x1E when o.Rs2 == 0 && o.Funct3 == 0: return LiftFromBits(o, format);
            default: return false;
        }
    }

    private ref IrInst AddFloat(IrOp op, in Operands o, uint format)
    {
        ref IrInst inst = ref builder.Add(op);
        inst.Dst = Slot(o.Rd);
        inst.A = Slot(o.Rs1);
        inst.Size = SizeOf(format);
        return ref inst;
    }

    private static byte SizeOf(uint format) => (byte)(format == 0 ? 4 : 8);

    private bool LiftArithmetic(in Operands o, IrOp op, uint format)
    {
        if (!TryGuardRounding(o)) return false;
        AddFloat(op, o, format).B = Slot(o.Rs2);
        return true;
    }

    private bool LiftSign(in Operands o, uint format)
    {
        Guard();
        IrOp op = o.Funct3 switch { 0 => IrOp.FloatCopySign, 1 => IrOp.FloatCopySignNegated, _ => IrOp.FloatXorSign };
        AddFloat(op, o, format).B = Slot(o.Rs2);
        return true;
    }

    private bool LiftCompare(in Operands o, uint format)
    {
        Guard();
        IrOp op = o.Funct3 switch { 0 => IrOp.FloatLessEqual, 1 => IrOp.FloatLess, _ => IrOp.FloatEqual };
        builder.Forget(o.Rd);
        ref IrInst inst = ref AddFloat(op, o, format);
        inst.B = Slot(o.Rs2);
        inst.Dst = UnitBuilder.Destination(o.Rd);
        return true;
    }

    private bool LiftConvert(in Operands o, uint format)
    {
        if (o.Rs2 != 1 - format || !TryGuardRounding(o)) return false;
        AddFloat(IrOp.FloatConvert, o, format);
        return true;
    }

    private bool LiftToInt(in Operands o, uint format)
    {
        const uint Word = 0, Long = 2;
        IrRounding rounding = o.Funct3 == RoundTowardZero ? IrRounding.Truncate : IrRounding.Dynamic;
        if (o.Rs2 > 3) return false;
        if (o.Rs2 != Word && o.Funct3 <= RoundMaxMagnitude) rounding = s_roundings[o.Funct3];
        if (rounding != IrRounding.Dynamic) Guard();
        else if (!TryGuardRounding(o)) return false;
        builder.Forget(o.Rd);
        ref IrInst inst = ref AddFloat(IrOp.FloatToInt, o, format);
        inst.Dst = UnitBuilder.Destination(o.Rd);
        inst.Word = o.Rs2 < Long;
        inst.Signed = o.Rs2 is Word or Long;
        inst.Imm = (long)rounding;
        return true;
    }

    private bool LiftFromInt(in Operands o, uint format)
    {
        const uint UnsignedWord = 1, UnsignedLong = 3;
        if (o.Rs2 > 3 || o.Funct3 is 5 or 6) return false;
        bool isWord = o.Rs2 <= UnsignedWord, isAlwaysExact = isWord && format == 1, mustBeExact = !isWord && o.Funct3 != DynamicRounding;
        if (isAlwaysExact || mustBeExact) Guard();
        else if (!TryGuardRounding(o)) return false;
        ref IrInst inst = ref AddFloat(IrOp.FloatFromInt, o, format);
        inst.A = UnitBuilder.Source(o.Rs1);
        inst.Word = isWord;
        inst.Signed = o.Rs2 is not (UnsignedWord or UnsignedLong);
        inst.Imm = mustBeExact ? 1 : 0;
        return true;
    }

    // FMV.X and FCLASS.
    private bool LiftToInteger(in Operands o, IrOp op, uint format)
    {
        GuardRead();
        builder.Forget(o.Rd);
        AddFloat(op, o, format).Dst = UnitBuilder.Destination(o.Rd);
        return true;
    }

    private bool LiftFromBits(in Operands o, uint format)
    {
        Guard();
        AddFloat(IrOp.FloatFromBits, o, format).A = UnitBuilder.Source(o.Rs1);
        return true;
    }
}
