using Doppel.Jit.Abi;
using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Emit;

/// <summary>
/// Emits floating-point arithmetic on the host's unit, which rounds and raises flags as IEEE 754 says; NaNs are made canonical in cold
/// code. Singles are kept boxed (upper half all ones): an operand of unknown origin is checked once in a unit, and what is not boxed is
/// the interpreter's.
/// </summary>
internal sealed class FloatEmitter(Assembler asm, ContextLayout layout, HomeMap homes, UnitEmission unit, ControlEmitter control)
    : EmitterBase(asm, layout, homes)
{
    private ulong _boxed;

    internal void BeginUnit() => _boxed = 0;

    /// <summary>Notes that a load has given a slot a new value.</summary>
    internal void Loaded(in IrInst inst) => SetBoxed(inst.Dst, inst.Size == 4);

    internal bool TryEmit(in IrInst inst)
    {
        switch (inst.Op)
        {
            case IrOp.FloatAdd: EmitArithmetic(inst, VectorForms.AddOp); return true;
            case IrOp.FloatSub: EmitArithmetic(inst, VectorForms.SubOp); return true;
            case IrOp.FloatMul: EmitArithmetic(inst, VectorForms.MulOp); return true;
            case IrOp.FloatDiv: EmitArithmetic(inst, VectorForms.DivOp); return true;
            case IrOp.FloatSqrt: EmitArithmetic(inst, VectorForms.SqrtOp); return true;
            case IrOp.FloatMulAdd: EmitFused(inst, 0xB9); return true;
            case IrOp.FloatMulSub: EmitFused(inst, 0xBB); return true;
            case IrOp.FloatNegMulAdd: EmitFused(inst, 0xBF); return true;
            case IrOp.FloatNegMulSub: EmitFused(inst, 0xBD); return true;
            case IrOp.FloatCopySign or IrOp.FloatCopySignNegated or IrOp.FloatXorSign: EmitSign(inst); return true;
            case IrOp.FloatEqual or IrOp.FloatLess or IrOp.FloatLessEqual: EmitCompare(inst); return true;
            case IrOp.FloatMin or IrOp.FloatMax: EmitMinMax(inst); return true;
            case IrOp.FloatReadFlags: EmitReadFlags(inst.Dst, withRounding: inst.Imm != 0); return true;
            case IrOp.FloatWriteFlags: EmitWriteFlags(inst); return true;
            default: return TryEmitConversion(inst);
        }
    }

    private bool TryEmitConversion(in IrInst inst)
    {
        switch (inst.Op)
        {
            case IrOp.FloatConvert: EmitConvert(inst); return true;
            case IrOp.FloatFromInt: EmitFromInt(inst); return true;
            case IrOp.FloatToInt: EmitToInt(inst); return true;
            case IrOp.FloatFromBits: EmitFromBits(inst); return true;
            case IrOp.FloatToBits: EmitToBits(inst); return true;
            default: return false;
        }
    }

    private Mem Field(int offset) => Context(Layout.Frame + offset);

    private void EmitReadFlags(short dst, bool withRounding = false)
    {
        Mem scratch = Field(NativeFrame.MxcsrScratchAt);
        Asm.Stmxcsr(scratch);
        Asm.Load(4, false, Rax, scratch);
        Asm.Op(Alu.And, false, Rax, NativeFrame.FlagTableBytes - 1);
        Asm.Load(1, false, Rax, new Mem(HomeMap.Context, Layout.Frame + NativeFrame.FlagTableAt, Rax));
        Asm.Op(Alu.Or, false, Rax, Context(Layout.AccruedFlags));
        if (withRounding)
        {
            Asm.Load(4, false, Rcx, Context(Layout.RoundingMode));
            Asm.ShiftImm(Shift.Shl, false, Rcx, 5);
            Asm.Op(Alu.Or, false, Rax, Rcx);
        }
        Write(dst, Rax);
    }

    // From here on the context has all flags, and the host's unit none.
    private void EmitWriteFlags(in IrInst inst)
    {
        if (inst.A >= 0) ReadInto(inst.A, Rdx);
        else Asm.MovImm(Rdx, inst.Imm);
        Mem scratch = Field(NativeFrame.MxcsrScratchAt);
        if (inst.Dst >= 0) EmitReadFlags(inst.Dst);
        else Asm.Stmxcsr(scratch);
        Asm.Op(Alu.And, false, scratch, -NativeFrame.FlagTableBytes);
        Asm.Ldmxcsr(scratch);
        Asm.Op(Alu.And, false, Rdx, 31);
        Asm.Store(4, Context(Layout.AccruedFlags), Rdx);
    }

    private Xmm ReadFloat(short slot, Xmm scratch)
    {
        if (Homes.HasRegister(slot)) return Homes.FloatOf(slot);
        Asm.LoadXmm(true, scratch, Homes.PlaceOf(slot));
        return scratch;
    }

    private Xmm TargetFloat(short slot) => Homes.HasRegister(slot) ? Homes.FloatOf(slot) : X0;

    private void WriteFloat(short slot, Xmm value, bool boxed)
    {
        if (!Homes.HasRegister(slot)) Asm.StoreXmm(true, Homes.PlaceOf(slot), value);
        else if (Homes.FloatOf(slot) != value) Asm.MoveXmm(Homes.FloatOf(slot), value);
        SetBoxed(slot, boxed);
    }

    private void SetBoxed(short slot, bool boxed)
    {
        ulong bit = 1UL << (slot - Layout.FirstFloatSlot);
        _boxed = boxed ? _boxed | bit : _boxed & ~bit;
    }

    private void RequireBoxed(in IrInst inst, short slot)
    {
        ulong bit = 1UL << (slot - Layout.FirstFloatSlot);
        if (inst.Size == 8 || (_boxed & bit) != 0) return;
        if (Homes.HasRegister(slot))
        {
            Asm.MoveFromXmm(true, Rax, Homes.FloatOf(slot));
            Asm.ShiftImm(Shift.Shr, true, Rax, 32);
            Asm.Op(Alu.Cmp, false, Rax, -1);
        }
        else
        {
            Mem place = Homes.PlaceOf(slot);
            Asm.Op(Alu.Cmp, false, place with { Disp = place.Disp + 4 }, -1);
        }
        Asm.Jcc(Cond.Ne, control.ColdInterpret(inst));
        _boxed |= bit;
    }

    private void EmitCanonicalNan(bool isDouble, Xmm value)
    {
        Label cold = Asm.NewLabel(), back = Asm.NewLabel();
        unit.Cold.Add(new ColdCode(ColdKind.CanonicalNan, cold, back, isDouble ? 8 : 4, (int)value));
        Asm.CompareXmm(false, isDouble, value, value);
        Asm.Jcc(Cond.P, cold);
        Asm.Bind(back);
    }

    private void EmitArithmetic(in IrInst inst, byte opcode)
    {
        bool isDouble = inst.Size == 8;
        RequireBoxed(inst, inst.A);
        if (inst.B >= 0) RequireBoxed(inst, inst.B);
        Xmm a = ReadFloat(inst.A, X0);
        Xmm target = TargetFloat(inst.Dst);
        if (inst.B < 0) Asm.Scalar(opcode, isDouble, target, a, a);
        else if (Homes.HasRegister(inst.B)) Asm.Scalar(opcode, isDouble, target, a, Homes.FloatOf(inst.B));
        else Asm.Scalar(opcode, isDouble, target, a, Homes.PlaceOf(inst.B));
        EmitCanonicalNan(isDouble, target);
        WriteFloat(inst.Dst, target, boxed: !isDouble);
    }

    // When the result is a NaN the interpreter decides: hosts differ on whether infinity times zero plus a quiet NaN is invalid.
    private void EmitFused(in IrInst inst, byte opcode)
    {
        bool isDouble = inst.Size == 8;
        RequireBoxed(inst, inst.A);
        RequireBoxed(inst, inst.B);
        RequireBoxed(inst, inst.C);
        Xmm c = ReadFloat(inst.C, X0);
        if (c != X0) Asm.MoveXmm(X0, c);
        if (Homes.HasRegister(inst.A))
        {
            Asm.Fma231(opcode, isDouble, X0, Homes.FloatOf(inst.A), ReadFloat(inst.B, X1));
        }
        else
        {
            Asm.LoadXmm(true, X1, Homes.PlaceOf(inst.A));
            if (Homes.HasRegister(inst.B)) Asm.Fma231(opcode, isDouble, X0, X1, Homes.FloatOf(inst.B));
            else Asm.VexRm(new VexOp(opcode, 2, 1, isDouble), (int)X0, (int)X1, Homes.PlaceOf(inst.B));
        }
        Asm.CompareXmm(false, isDouble, X0, X0);
        Asm.Jcc(Cond.P, control.ColdInterpret(inst));
        WriteFloat(inst.Dst, X0, boxed: !isDouble);
    }

    private void EmitSign(in IrInst inst)
    {
        bool isDouble = inst.Size == 8;
        RequireBoxed(inst, inst.A);
        RequireBoxed(inst, inst.B);
        Mem sign = Field(isDouble ? NativeFrame.SignDoubleAt : NativeFrame.SignSingleAt);
        Xmm target = TargetFloat(inst.Dst);
        Xmm a = ReadFloat(inst.A, X0);
        if (inst.A == inst.B)
        {
            EmitOwnSign(inst.Op, target, a, sign);
        }
        else if (inst.Op == IrOp.FloatXorSign)
        {
            Asm.Logic(VectorForms.AndOp, X1, ReadFloat(inst.B, X1), sign);
            Asm.Logic(VectorForms.XorOp, target, a, X1);
        }
        else
        {
            Xmm b = ReadFloat(inst.B, X1);
            if (inst.Op == IrOp.FloatCopySignNegated) Asm.Logic(VectorForms.XorOp, X1, b, sign);
            Asm.Logic(VectorForms.AndOp, X1, inst.Op == IrOp.FloatCopySignNegated ? X1 : b, sign);
            // a without its sign: (a | sign) ^ sign.
            Asm.Logic(VectorForms.OrOp, X0, a, sign);
            Asm.Logic(VectorForms.XorOp, X0, X0, sign);
            Asm.Logic(VectorForms.OrOp, target, X0, X1);
        }
        WriteFloat(inst.Dst, target, boxed: !isDouble);
    }

    // Both operands the same: move, negate, absolute value.
    private void EmitOwnSign(IrOp op, Xmm target, Xmm a, Mem sign)
    {
        switch (op)
        {
            case IrOp.FloatCopySign:
                if (target != a) Asm.MoveXmm(target, a);
                break;
            case IrOp.FloatCopySignNegated:
                Asm.Logic(VectorForms.XorOp, target, a, sign);
                break;
            default:
                Asm.Logic(VectorForms.OrOp, target, a, sign);
                Asm.Logic(VectorForms.XorOp, target, target, sign);
                break;
        }
    }

    private void EmitCompare(in IrInst inst)
    {
        bool isDouble = inst.Size == 8;
        RequireBoxed(inst, inst.A);
        RequireBoxed(inst, inst.B);
        Xmm a = ReadFloat(inst.A, X0), b = ReadFloat(inst.B, X1);
        if (inst.Op == IrOp.FloatEqual)
        {
            Asm.CompareXmm(false, isDouble, a, b);
            Asm.Setcc(Cond.Np, Rax);
            Asm.Setcc(Cond.E, Rcx);
            Asm.Op(Alu.And, false, Rax, Rcx);
        }
        else
        {
            // Unordered sets the carry: with the operands exchanged both relations come out false.
            Asm.CompareXmm(true, isDouble, b, a);
            Asm.Setcc(inst.Op == IrOp.FloatLess ? Cond.A : Cond.Ae, Rax);
        }
        if (inst.Dst < 0) return;
        Gpr target = Target(inst.Dst, Rax);
        Asm.Extend(1, false, target, Rax);
        Write(inst.Dst, target);
    }

    private void EmitConvert(in IrInst inst)
    {
        bool toDouble = inst.Size == 8;
        Xmm target = TargetFloat(inst.Dst);
        if (toDouble)
        {
            IrInst source = inst;
            source.Size = 4;
            RequireBoxed(source, inst.A);
            Xmm a = ReadFloat(inst.A, X0);
            Asm.ConvertPrecision(false, target, a, a);
        }
        else
        {
            Xmm a = ReadFloat(inst.A, X0);
            Asm.LoadXmm(true, X1, Field(NativeFrame.BoxAt));
            Asm.ConvertPrecision(true, target, X1, a);
        }
        EmitCanonicalNan(toDouble, target);
        WriteFloat(inst.Dst, target, boxed: !toDouble);
    }

    private void EmitFromInt(in IrInst inst)
    {
        bool isDouble = inst.Size == 8;
        Xmm target = TargetFloat(inst.Dst);
        // The upper part must come from somewhere that does not wait for an old value.
        if (isDouble) Asm.Logic(VectorForms.XorOp, X1, X1, X1);
        else Asm.LoadXmm(true, X1, Field(NativeFrame.BoxAt));
        Gpr a = Read(inst.A, Rax);
        bool wide = !inst.Word;
        if (inst.Word && !inst.Signed)
        {
            Asm.Mov(false, Rax, a);
            a = Rax;
            wide = true;
        }
        else if (!inst.Signed)
        {
            // What the host would take for a negative number.
            Asm.Test(true, a, a);
            Asm.Jcc(Cond.S, control.ColdInterpret(inst));
        }
        if (inst.Imm != 0) EmitExactCheck(inst, a, isDouble ? 10 : 39);
        Asm.ConvertFromInt(isDouble, wide, target, X1, a);
        WriteFloat(inst.Dst, target, boxed: !isDouble);
    }

    // An integer is exact if it has no more bits than the float, however it is rounded.
    private void EmitExactCheck(in IrInst inst, Gpr value, int spare)
    {
        Asm.Mov(true, Rcx, value);
        Asm.ShiftImm(Shift.Shl, true, Rcx, spare);
        Asm.ShiftImm(Shift.Sar, true, Rcx, spare);
        Asm.Op(Alu.Cmp, true, Rcx, value);
        Asm.Jcc(Cond.Ne, control.ColdInterpret(inst));
    }

    // The host answers what it cannot represent with the sign bit alone; whether that is right is for the interpreter to say.
    private void EmitToInt(in IrInst inst)
    {
        RequireBoxed(inst, inst.A);
        Xmm a = ReadFloat(inst.A, X0);
        bool isDouble = inst.Size == 8;
        var rounding = (IrRounding)inst.Imm;
        if (!inst.Signed)
        {
            // Sign and exponent, as one number: of two to the 63rd on, of NaNs and of negative numbers the host knows nothing. What rounds up to
            // two to the 32nd must raise no flag but that it is invalid.
            int bits = !inst.Word ? 63 : rounding == IrRounding.Truncate ? 32 : 31;
            (int fraction, int limit) = isDouble ? (52, 1023 + bits) : (23, 127 + bits);
            Asm.MoveFromXmm(isDouble, Rax, a);
            Asm.ShiftImm(Shift.Shr, isDouble, Rax, fraction);
            Asm.Op(Alu.Cmp, false, Rax, limit);
            Asm.Jcc(Cond.Ae, control.ColdInterpret(inst));
        }
        if (rounding is IrRounding.Nearest or IrRounding.Down or IrRounding.Up)
        {
            Asm.RoundScalar(isDouble, X1, a, a, rounding - IrRounding.Nearest);
            a = X1;
        }
        bool wide = !inst.Word || !inst.Signed;
        Asm.ConvertToInt(rounding != IrRounding.Dynamic, isDouble, wide, Rax, a);
        Asm.Op(Alu.Cmp, wide, Rax, 1);
        Asm.Jcc(Cond.O, control.ColdInterpret(inst));
        if (rounding == IrRounding.NearestAway) EmitAway(isDouble, a);
        if (inst.Dst < 0) return;
        if (inst.Word) Asm.Extend(4, true, Rax, Rax);
        Write(inst.Dst, Rax);
    }

    // Twice what truncation to rax has cut off is below two: its integer part is what is missing. All of this is exact, so the flags stay
    // what truncation made them.
    private void EmitAway(bool isDouble, Xmm value)
    {
        Asm.Logic(VectorForms.XorOp, X1, X1, X1);
        Asm.ConvertFromInt(isDouble, true, X1, X1, Rax);
        Asm.Scalar(VectorForms.SubOp, isDouble, X1, value, X1);
        Asm.Scalar(VectorForms.AddOp, isDouble, X1, X1, X1);
        Asm.ConvertToInt(true, isDouble, true, Rcx, X1);
        Asm.Op(Alu.Add, true, Rax, Rcx);
    }

    // The host's own gives the second operand for NaNs and for zeros of either sign; of equal numbers only zeros differ in a bit.
    private void EmitMinMax(in IrInst inst)
    {
        bool isDouble = inst.Size == 8, isMin = inst.Op == IrOp.FloatMin;
        RequireBoxed(inst, inst.A);
        RequireBoxed(inst, inst.B);
        Label differ = Asm.NewLabel(), done = Asm.NewLabel();
        Xmm a = ReadFloat(inst.A, X0), b = ReadFloat(inst.B, X1);
        Asm.CompareXmm(false, isDouble, a, b);
        Asm.Jcc(Cond.P, control.ColdInterpret(inst));
        Asm.Jcc(Cond.Ne, differ, isShort: true);
        Asm.Logic(isMin ? VectorForms.OrOp : VectorForms.AndOp, X0, a, b);
        Asm.Jmp(done, isShort: true);
        Asm.Bind(differ);
        Asm.Scalar(isMin ? VectorForms.MinOp : VectorForms.MaxOp, isDouble, X0, a, b);
        Asm.Bind(done);
        WriteFloat(inst.Dst, X0, boxed: !isDouble);
    }

    private void EmitFromBits(in IrInst inst)
    {
        Xmm target = TargetFloat(inst.Dst);
        Asm.MoveToXmm(inst.Size == 8, target, Read(inst.A, Rax));
        if (inst.Size == 4) Asm.Logic(VectorForms.OrOp, target, target, Field(NativeFrame.BoxAt));
        WriteFloat(inst.Dst, target, boxed: inst.Size == 4);
    }

    private void EmitToBits(in IrInst inst)
    {
        if (inst.Dst < 0) return;
        Gpr target = Target(inst.Dst, Rax);
        if (Homes.HasRegister(inst.A))
        {
            Asm.MoveFromXmm(inst.Size == 8, target, Homes.FloatOf(inst.A));
            if (inst.Size == 4) Asm.Extend(4, true, target, target);
        }
        else
        {
            Asm.Load(inst.Size, true, target, Homes.PlaceOf(inst.A));
        }
        Write(inst.Dst, target);
    }
}
