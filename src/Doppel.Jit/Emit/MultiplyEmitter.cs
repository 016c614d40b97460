using System.Runtime.Intrinsics.X86;
using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Emit;

/// <summary>Emits multiplication, with and without carries, and division. Division by zero and overflow give values, never traps.</summary>
internal sealed class MultiplyEmitter(Assembler asm, ContextLayout layout, HomeMap homes) : EmitterBase(asm, layout, homes)
{
    /// <summary>True if the host multiplies without carries, which not every x86-64-v3 processor must.</summary>
    internal static bool HasCarryless => Pclmulqdq.IsSupported;

    internal bool TryEmit(in IrInst inst)
    {
        switch (inst.Op)
        {
            case IrOp.Mul: EmitMul(inst); return true;
            case IrOp.MulHighSigned: EmitMulHigh(inst, Unary.Imul); return true;
            case IrOp.MulHighUnsigned: EmitMulHigh(inst, Unary.Mul); return true;
            case IrOp.MulHighSignedUnsigned: EmitMulHighMixed(inst); return true;
            case IrOp.CarrylessMul or IrOp.CarrylessMulHigh or IrOp.CarrylessMulReversed: EmitCarryless(inst); return true;
            case IrOp.DivSigned: EmitDivide(inst, signed: true, remainder: false); return true;
            case IrOp.DivUnsigned: EmitDivide(inst, signed: false, remainder: false); return true;
            case IrOp.RemSigned: EmitDivide(inst, signed: true, remainder: true); return true;
            case IrOp.RemUnsigned: EmitDivide(inst, signed: false, remainder: true); return true;
            default: return false;
        }
    }

    private void EmitMul(in IrInst inst)
    {
        IrInst i = inst;
        if (i.Dst == i.B) (i.A, i.B) = (i.B, i.A);
        Gpr target = Target(i.Dst, Rax);
        Gpr b = ReadB(i, Rcx);
        ReadInto(i.A, target);
        Asm.Imul(!i.Word, target, b);
        if (i.Word) ExtendWord(i.Dst, target);
        Write(i.Dst, target);
    }

    private void EmitMulHigh(in IrInst inst, Unary op)
    {
        ReadInto(inst.A, Rax);
        Asm.Unary(op, true, ReadB(inst, Rcx));
        Write(inst.Dst, Rdx);
    }

    // Signed times unsigned: the unsigned product's high half, less B when A is negative.
    private void EmitMulHighMixed(in IrInst inst)
    {
        ReadInto(inst.A, Rax);
        Gpr b = ReadB(inst, Rcx);
        Asm.Unary(Unary.Mul, true, b);
        ReadInto(inst.A, Rax);
        Asm.ShiftImm(Shift.Sar, true, Rax, 63);
        Asm.Op(Alu.And, true, Rax, b);
        Asm.Op(Alu.Sub, true, Rdx, Rax);
        Write(inst.Dst, Rdx);
    }

    private void EmitCarryless(in IrInst inst)
    {
        Asm.MoveToXmm(true, X0, Read(inst.A, Rax));
        Asm.MoveToXmm(true, X1, Read(inst.B, Rax));
        Asm.MultiplyCarryless(X0, X0, X1);
        if (inst.Op == IrOp.CarrylessMul) Asm.MoveFromXmm(true, Rax, X0);
        else Asm.MoveUpperFromXmm(Rax, X0);
        if (inst.Op == IrOp.CarrylessMulReversed)
        {
            // The two halves, shifted left by one; of the lower one only the top bit counts.
            Asm.MoveFromXmm(true, Rcx, X0);
            Asm.Op(Alu.Add, true, Rcx, Rcx);
            Asm.Op(Alu.Adc, true, Rax, Rax);
        }
        Write(inst.Dst, Rax);
    }

    private void EmitDivide(in IrInst inst, bool signed, bool remainder)
    {
        bool wide = !inst.Word;
        Label byZero = Asm.NewLabel(), byMinusOne = Asm.NewLabel(), done = Asm.NewLabel();
        ReadInto(inst.A, Rax);
        Gpr b = ReadB(inst, Rcx);
        Asm.Test(wide, b, b);
        Asm.Jcc(Cond.E, byZero, isShort: true);
        if (signed)
        {
            // The smallest number divided by -1 overflows on the host, so -1 is never divided by.
            Asm.Op(Alu.Cmp, wide, b, -1);
            Asm.Jcc(Cond.E, byMinusOne, isShort: true);
            Asm.Cqo(wide);
        }
        else
        {
            Asm.Op(Alu.Xor, false, Rdx, Rdx);
        }
        Asm.Unary(signed ? Unary.Idiv : Unary.Div, wide, b);
        Asm.Jmp(done, isShort: true);
        if (signed)
        {
            Asm.Bind(byMinusOne);
            if (remainder) Asm.Op(Alu.Xor, false, Rdx, Rdx);
            else Asm.Unary(Unary.Neg, wide, Rax);
            Asm.Jmp(done, isShort: true);
        }
        Asm.Bind(byZero);
        if (remainder) Asm.Mov(true, Rdx, Rax);
        else Asm.MovImm(Rax, -1);
        Asm.Bind(done);
        Gpr result = remainder ? Rdx : Rax;
        if (inst.Word) Asm.Extend(4, true, result, result);
        Write(inst.Dst, result);
    }
}
