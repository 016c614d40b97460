using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Emit;

/// <summary>Emits the classification of floating-point numbers.</summary>
internal sealed class FloatClassEmitter(Assembler asm, ContextLayout layout, HomeMap homes) : EmitterBase(asm, layout, homes)
{
    // Numbers of the bits: positive zero, from which on magnitudes count up; the complement of three bits counts the negative ones down.
    private const int PositiveZero = 4, Mirror = 7, SignallingNan = 8, QuietNan = 9;

    internal bool TryEmit(in IrInst inst)
    {
        if (inst.Op != IrOp.FloatClass) return false;
        if (inst.Dst >= 0) EmitClass(inst);
        return true;
    }

    // rdx is the number without its sign, in the upper bits; rax the sign in all bits; rcx the number of the bit.
    private void EmitClass(in IrInst inst)
    {
        bool isDouble = inst.Size == 8;
        (int exponentAt, long infinity) = isDouble ? (53, 0x7FFL << 53) : (56, 0xFFL << 56);
        Label nan = Asm.NewLabel(), done = Asm.NewLabel();
        if (Homes.HasRegister(inst.A)) Asm.MoveFromXmm(true, Rdx, Homes.FloatOf(inst.A));
        else Asm.Load(8, false, Rdx, Homes.PlaceOf(inst.A));
        if (!isDouble) EmitUnbox(done);
        Asm.Op(Alu.Add, true, Rdx, Rdx);
        Asm.Op(Alu.Sbb, false, Rax, Rax);
        Asm.MovImm(Rcx, infinity);
        Asm.Op(Alu.Cmp, true, Rdx, Rcx);
        Asm.Jcc(Cond.A, nan, isShort: true);
        // How many of zero's and subnormal's and normal's successors the number reaches: the smallest of each kind is compared with.
        Asm.Setcc(Cond.Ae, Rcx);
        Asm.Extend(1, false, Rcx, Rcx);
        Asm.Op(Alu.Cmp, true, Rdx, 1);
        Asm.Op(Alu.Sbb, false, Rcx, -1);
        Asm.ShiftImm(Shift.Shr, true, Rdx, exponentAt);
        Asm.Op(Alu.Cmp, true, Rdx, 1);
        Asm.Op(Alu.Sbb, false, Rcx, -1);
        Asm.Op(Alu.Add, false, Rcx, PositiveZero);
        Asm.Op(Alu.And, false, Rax, Mirror);
        Asm.Op(Alu.Xor, false, Rcx, Rax);
        Asm.Jmp(done, isShort: true);
        Asm.Bind(nan);
        // The top bit of the fraction, which tells quiet NaNs, goes to the carry.
        Asm.MovImm(Rcx, SignallingNan);
        Asm.ShiftImm(Shift.Shl, true, Rdx, 65 - exponentAt);
        Asm.Op(Alu.Adc, false, Rcx, 0);
        Asm.Bind(done);
        Asm.MovImm(Rax, 1);
        Asm.ShiftX(Shift.Shl, false, Rax, Rax, Rcx);
        Write(inst.Dst, Rax);
    }

    // A single that is not boxed counts as the canonical NaN.
    private void EmitUnbox(Label done)
    {
        Asm.Rorx(true, Rcx, Rdx, 32);
        Asm.Op(Alu.Cmp, false, Rcx, -1);
        Asm.MovImm(Rcx, QuietNan);
        Asm.Jcc(Cond.Ne, done, isShort: true);
        Asm.ShiftImm(Shift.Shl, true, Rdx, 32);
    }
}
