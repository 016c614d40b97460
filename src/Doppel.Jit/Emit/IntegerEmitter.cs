using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Emit;

/// <summary>Emits moves, arithmetic, logic, shifts and comparisons.</summary>
internal sealed class IntegerEmitter(Assembler asm, ContextLayout layout, HomeMap homes) : EmitterBase(asm, layout, homes)
{
    /// <summary>Emits the operation if it is one of this class.</summary>
    internal bool TryEmit(in IrInst inst)
    {
        switch (inst.Op)
        {
            case IrOp.Nop: return true;
            case IrOp.Mov: EmitMove(inst); return true;
            case IrOp.Add: EmitAlu(inst, Alu.Add); return true;
            case IrOp.Sub: EmitAlu(inst, Alu.Sub); return true;
            case IrOp.And: EmitAlu(inst, Alu.And); return true;
            case IrOp.Or: EmitAlu(inst, Alu.Or); return true;
            case IrOp.Xor: EmitAlu(inst, Alu.Xor); return true;
            case IrOp.Shl: EmitShift(inst, Shift.Shl); return true;
            case IrOp.Shr: EmitShift(inst, Shift.Shr); return true;
            case IrOp.Sar: EmitShift(inst, Shift.Sar); return true;
            case IrOp.SetLess: EmitSet(inst, Cond.L); return true;
            case IrOp.SetLessUnsigned: EmitSet(inst, Cond.B); return true;
            case IrOp.Extend: EmitExtend(inst); return true;
            case IrOp.ZeroExtendShl: EmitZeroExtendShl(inst); return true;
            case IrOp.CodeAddress: EmitCodeAddress(inst); return true;
            default: return TryEmitBits(inst);
        }
    }

    private bool TryEmitBits(in IrInst inst)
    {
        switch (inst.Op)
        {
            case IrOp.ShlAdd: EmitShlAdd(inst); return true;
            case IrOp.AndNot: EmitAndNot(inst); return true;
            case IrOp.OrNot: EmitOrNot(inst); return true;
            case IrOp.XorNot: EmitXorNot(inst); return true;
            case IrOp.Min: EmitMinMax(inst, Cond.G); return true;
            case IrOp.Max: EmitMinMax(inst, Cond.L); return true;
            case IrOp.MinUnsigned: EmitMinMax(inst, Cond.A); return true;
            case IrOp.MaxUnsigned: EmitMinMax(inst, Cond.B); return true;
            case IrOp.Rol: EmitRotate(inst, Shift.Rol); return true;
            case IrOp.Ror: EmitRotate(inst, Shift.Ror); return true;
            case IrOp.LeadingZeros or IrOp.TrailingZeros or IrOp.PopCount or IrOp.ByteSwap: EmitBitCount(inst); return true;
            case IrOp.SpreadBytes: EmitSpreadBytes(inst); return true;
            case IrOp.BitSet: EmitBitChange(inst, 0xAB); return true;
            case IrOp.BitClear: EmitBitChange(inst, 0xB3); return true;
            case IrOp.BitInvert: EmitBitChange(inst, 0xBB); return true;
            case IrOp.ZeroIfZero: EmitZeroIf(inst, Cond.E); return true;
            case IrOp.ZeroIfNotZero: EmitZeroIf(inst, Cond.Ne); return true;
            default: return false;
        }
    }

    private void EmitBitChange(in IrInst inst, int opcode)
    {
        ReadInto(inst.A, Rax);
        Asm.BitOp(opcode, Rax, Read(inst.B, Rcx));
        Write(inst.Dst, Rax);
    }

    private void EmitZeroIf(in IrInst inst, Cond condition)
    {
        ReadInto(inst.A, Rax);
        Gpr b = Read(inst.B, Rdx);
        Asm.Op(Alu.Xor, false, Rcx, Rcx);
        Asm.Test(true, b, b);
        Asm.Cmov(condition, true, Rax, Rcx);
        Write(inst.Dst, Rax);
    }

    private void EmitMove(in IrInst inst)
    {
        if (inst.A >= 0)
        {
            Gpr source = Read(inst.A, Target(inst.Dst, Rax));
            Write(inst.Dst, source);
        }
        else if (IsHomed(inst.Dst))
        {
            if (inst.Imm == 0) ReadInto(IrInst.None, Homes.IntegerOf(inst.Dst));
            else Asm.MovImm(Homes.IntegerOf(inst.Dst), inst.Imm);
        }
        else if (inst.Imm == (int)inst.Imm)
        {
            Asm.StoreImm(8, Homes.PlaceOf(inst.Dst), (int)inst.Imm);
        }
        else
        {
            Asm.MovImm(Rax, inst.Imm);
            Write(inst.Dst, Rax);
        }
    }

    private void EmitAlu(in IrInst inst, Alu op)
    {
        IrInst i = inst;
        bool immediate = i.B < 0 && i.Imm == (int)i.Imm;
        if (i.Dst == i.A && !IsHomed(i.Dst) && !i.Word && (immediate || IsHomed(i.B)))
        {
            if (immediate) Asm.Op(op, true, Homes.PlaceOf(i.Dst), (int)i.Imm);
            else Asm.Op(op, true, Homes.PlaceOf(i.Dst), Homes.IntegerOf(i.B));
            return;
        }
        bool aliased = i.B >= 0 && i.Dst == i.B && i.Dst != i.A;
        if (aliased && op != Alu.Sub && i.A >= 0)
        {
            (i.A, i.B) = (i.B, i.A);
            aliased = false;
        }
        Gpr target = aliased ? Rax : Target(i.Dst, Rax);
        if (op == Alu.Add && i.Dst != i.A && IsHomed(i.A) && (immediate || IsHomed(i.B)))
        {
            Gpr a = Homes.IntegerOf(i.A);
            Asm.Lea(!i.Word, target, immediate ? new Mem(a, (int)i.Imm) : new Mem(a, 0, Homes.IntegerOf(i.B)));
        }
        else
        {
            ReadInto(i.A, target);
            ApplyB(op, !i.Word, target, i);
        }
        if (i.Word) ExtendWord(i.Dst, target);
        Write(i.Dst, target);
    }

    private void EmitShift(in IrInst inst, Shift op)
    {
        Gpr target = Target(inst.Dst, Rax);
        if (inst.B >= 0)
        {
            Gpr a = Read(inst.A, Rax);
            Asm.ShiftX(op, !inst.Word, target, a, Read(inst.B, Rcx));
        }
        else
        {
            int count = (int)inst.Imm & (inst.Word ? 31 : 63);
            if (op == Shift.Shl && count == 1 && !inst.Word && IsHomed(inst.A) && inst.A != inst.Dst)
            {
                Gpr a = Homes.IntegerOf(inst.A);
                Asm.Lea(true, target, new Mem(a, 0, a));
            }
            else
            {
                ReadInto(inst.A, target);
                Asm.ShiftImm(op, !inst.Word, target, count);
            }
        }
        if (inst.Word) ExtendWord(inst.Dst, target);
        Write(inst.Dst, target);
    }

    private void EmitSet(in IrInst inst, Cond cond)
    {
        Compare(inst);
        Gpr target = Target(inst.Dst, Rax);
        Asm.Setcc(cond, Rax);
        Asm.Extend(1, false, target, Rax);
        Write(inst.Dst, target);
    }

    private void EmitExtend(in IrInst inst)
    {
        Gpr target = Target(inst.Dst, Rax);
        if (IsHomed(inst.A)) Asm.Extend(inst.Size, inst.Signed, target, Homes.IntegerOf(inst.A));
        else Asm.Load(inst.Size, inst.Signed, target, Homes.PlaceOf(inst.A));
        Write(inst.Dst, target);
    }

    private void EmitZeroExtendShl(in IrInst inst)
    {
        Gpr target = Target(inst.Dst, Rax);
        if (IsHomed(inst.A)) Asm.Mov(false, target, Homes.IntegerOf(inst.A));
        else Asm.Load(4, false, target, Homes.PlaceOf(inst.A));
        if (inst.Imm != 0) Asm.ShiftImm(Shift.Shl, true, target, (int)inst.Imm);
        Write(inst.Dst, target);
    }

    private void EmitCodeAddress(in IrInst inst)
    {
        Gpr target = Target(inst.Dst, Rax);
        Asm.Load(8, false, target, Context(Layout.CodePage));
        if (inst.Imm != 0) Asm.Op(Alu.Add, true, target, (int)inst.Imm);
        Write(inst.Dst, target);
    }

    private void EmitShlAdd(in IrInst inst)
    {
        Gpr a = Read(inst.A, Rax);
        if (inst.Word)
        {
            Asm.Mov(false, Rax, a);
            a = Rax;
        }
        Gpr b = Read(inst.B, Rcx);
        Gpr target = Target(inst.Dst, Rax);
        Asm.Lea(true, target, new Mem(b, 0, a, (byte)inst.Imm));
        Write(inst.Dst, target);
    }

    private void EmitAndNot(in IrInst inst)
    {
        Gpr a = Read(inst.A, Rax);
        Gpr target = Target(inst.Dst, Rax);
        Asm.Andn(true, target, Read(inst.B, Rcx), a);
        Write(inst.Dst, target);
    }

    private void EmitOrNot(in IrInst inst)
    {
        ReadInto(inst.B, Rax);
        Asm.Unary(X64.Unary.Not, true, Rax);
        Asm.Op(Alu.Or, true, Rax, Read(inst.A, Rcx));
        Write(inst.Dst, Rax);
    }

    private void EmitXorNot(in IrInst inst)
    {
        ReadInto(inst.A, Rax);
        ApplyB(Alu.Xor, true, Rax, inst);
        Asm.Unary(X64.Unary.Not, true, Rax);
        Write(inst.Dst, Rax);
    }

    // Keeps A unless the condition says that B is to be taken.
    private void EmitMinMax(in IrInst inst, Cond takeB)
    {
        ReadInto(inst.A, Rax);
        Gpr b = Read(inst.B, Rcx);
        Asm.Op(Alu.Cmp, true, Rax, b);
        Asm.Cmov(takeB, true, Rax, b);
        Write(inst.Dst, Rax);
    }

    private void EmitRotate(in IrInst inst, Shift op)
    {
        if (inst.B < 0)
        {
            int count = (int)inst.Imm & (inst.Word ? 31 : 63);
            Gpr target = Target(inst.Dst, Rax);
            Asm.Rorx(!inst.Word, target, Read(inst.A, Rax), op == Shift.Ror ? count : -count & (inst.Word ? 31 : 63));
            if (inst.Word) ExtendWord(inst.Dst, target);
            Write(inst.Dst, target);
            return;
        }
        ReadInto(inst.A, Rax);
        ReadInto(inst.B, Rcx);
        Asm.ShiftCl(op, !inst.Word, Rax);
        if (inst.Word) Asm.Extend(4, true, Rax, Rax);
        Write(inst.Dst, Rax);
    }

    private void EmitSpreadBytes(in IrInst inst)
    {
        Asm.Logic(VectorForms.XorOp, X1, X1, X1);
        Asm.MoveToXmm(true, X0, Read(inst.A, Rax));
        Asm.CompareBytes(X0, X0, X1);
        Asm.MoveFromXmm(true, Rax, X0);
        Asm.Unary(X64.Unary.Not, true, Rax);
        Write(inst.Dst, Rax);
    }

    private void EmitBitCount(in IrInst inst)
    {
        Gpr a = Read(inst.A, Rax);
        Gpr target = Target(inst.Dst, Rax);
        switch (inst.Op)
        {
            case IrOp.LeadingZeros: Asm.Lzcnt(!inst.Word, target, a); break;
            case IrOp.TrailingZeros: Asm.Tzcnt(!inst.Word, target, a); break;
            case IrOp.PopCount: Asm.Popcnt(!inst.Word, target, a); break;
            default:
                if (target != a) Asm.Mov(true, target, a);
                Asm.Bswap(target);
                break;
        }
        Write(inst.Dst, target);
    }
}
