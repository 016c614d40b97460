using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Emit;

/// <summary>Access to slots for the emitters of one compiler.</summary>
internal abstract class EmitterBase(Assembler asm, ContextLayout layout, HomeMap homes)
{
    private protected const Gpr Rax = HomeMap.Scratch0, Rcx = HomeMap.Scratch1, Rdx = HomeMap.Scratch2;
    private protected const Xmm X0 = HomeMap.FloatScratch0, X1 = HomeMap.FloatScratch1;

    private protected Assembler Asm { get; } = asm;

    private protected ContextLayout Layout { get; } = layout;

    private protected HomeMap Homes { get; } = homes;

    private protected static Mem Context(int offset) => new(HomeMap.Context, offset);

    private protected bool IsHomed(short slot) => slot >= 0 && Homes.HasRegister(slot);

    /// <summary>The register that holds a slot: its home, or the scratch register after loading it. Absent reads as zero.</summary>
    private protected Gpr Read(short slot, Gpr scratch)
    {
        if (IsHomed(slot)) return Homes.IntegerOf(slot);
        ReadInto(slot, scratch);
        return scratch;
    }

    private protected void ReadInto(short slot, Gpr target)
    {
        if (slot < 0) Asm.Op(Alu.Xor, false, target, target);
        else if (!Homes.HasRegister(slot)) Asm.Load(8, false, target, Homes.PlaceOf(slot));
        else if (Homes.IntegerOf(slot) != target) Asm.Mov(true, target, Homes.IntegerOf(slot));
    }

    /// <summary>Operand B in a register: the slot, or else the constant.</summary>
    private protected Gpr ReadB(in IrInst inst, Gpr scratch)
    {
        if (inst.B >= 0) return Read(inst.B, scratch);
        Asm.MovImm(scratch, inst.Imm);
        return scratch;
    }

    /// <summary>The register in which to compute a slot's new value.</summary>
    private protected Gpr Target(short slot, Gpr scratch) => IsHomed(slot) ? Homes.IntegerOf(slot) : scratch;

    /// <summary>Makes a register's value the slot's.</summary>
    private protected void Write(short slot, Gpr value)
    {
        if (!Homes.HasRegister(slot)) Asm.Store(8, Homes.PlaceOf(slot), value);
        else if (Homes.IntegerOf(slot) != value) Asm.Mov(true, Homes.IntegerOf(slot), value);
    }

    /// <summary>Sign-extends a 32-bit result before it becomes a slot's value, unless that can wait.</summary>
    private protected void ExtendWord(short slot, Gpr value)
    {
        if (!Homes.TryDeferExtension(slot, value)) Asm.Extend(4, true, value, value);
    }

    /// <summary>Applies an operation with operand B (slot in register or memory, or constant). The register must not be rcx.</summary>
    private protected void ApplyB(Alu op, bool wide, Gpr register, in IrInst inst)
    {
        if (inst.B >= 0)
        {
            if (Homes.HasRegister(inst.B)) Asm.Op(op, wide, register, Homes.IntegerOf(inst.B));
            else Asm.Op(op, wide, register, Homes.PlaceOf(inst.B));
        }
        else if (!wide || inst.Imm == (int)inst.Imm)
        {
            Asm.Op(op, wide, register, (int)inst.Imm);
        }
        else
        {
            Asm.MovImm(Rcx, inst.Imm);
            Asm.Op(op, wide, register, Rcx);
        }
    }

    /// <summary>Compares A with B and sets the flags.</summary>
    private protected void Compare(in IrInst inst)
    {
        bool small = inst.B < 0 && inst.Imm == (int)inst.Imm;
        if (inst.A >= 0 && !Homes.HasRegister(inst.A) && (small || IsHomed(inst.B)))
        {
            Mem place = Homes.PlaceOf(inst.A);
            if (small) Asm.Op(Alu.Cmp, !inst.Word, place, (int)inst.Imm);
            else Asm.Op(Alu.Cmp, !inst.Word, place, Homes.IntegerOf(inst.B));
            return;
        }
        Gpr a = Read(inst.A, Rax);
        if (small && inst.Imm == 0) Asm.Test(!inst.Word, a, a);
        else ApplyB(Alu.Cmp, !inst.Word, a, inst);
    }
}
