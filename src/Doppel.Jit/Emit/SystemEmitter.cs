using System.Numerics;
using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Emit;

/// <summary>Emits access to the words of the guest's state that are no slots, and to the control word with what follows from its bits.</summary>
internal sealed class SystemEmitter(Assembler asm, ContextLayout layout, HomeMap homes, ControlEmitter control) : EmitterBase(asm, layout, homes)
{
    private ControlWord Word => Layout.Control;

    internal bool TryEmit(in IrInst inst)
    {
        switch (inst.Op)
        {
            case IrOp.ContextRead: EmitRead(inst); return true;
            case IrOp.ContextWrite: EmitWrite(inst); return true;
            case IrOp.ControlRead:
                Asm.Load(8, false, Rcx, Context(Word.Offset));
                EmitVisible(inst.Dst);
                return true;
            case IrOp.ControlWrite: EmitControlWrite(inst); return true;
            default: return false;
        }
    }

    private void EmitRead(in IrInst inst)
    {
        Gpr target = Target(inst.Dst, Rax);
        Asm.Load(inst.Size == 0 ? 8 : inst.Size, false, target, Context((int)inst.Imm));
        Write(inst.Dst, target);
    }

    private void EmitWrite(in IrInst inst)
    {
        Mem place = Context((int)inst.Imm);
        if (inst.A >= 0) ReadInto(inst.A, Rdx);
        else Asm.MovImm(Rdx, inst.Link);
        if (inst.Size != 0) Asm.Op(Alu.And, true, Rdx, -1 << inst.Size);
        if (inst.Dst >= 0) Asm.Load(8, false, Rax, place);
        Asm.Store(8, place, Rdx);
        if (inst.Dst >= 0) Write(inst.Dst, Rax);
    }

    // rcx is the old value, rdx the bits that change, rax the new value.
    private void EmitControlWrite(in IrInst inst)
    {
        ControlWord word = Word;
        uint possible = EmitChange(inst);
        if ((possible & word.Interpreted) != 0)
        {
            Asm.Test(false, Rdx, (int)word.Interpreted);
            Asm.Jcc(Cond.Ne, control.ColdInterpret(inst));
        }
        if ((possible & word.Enabling) != 0 && (ControlChange)inst.Size != ControlChange.Clear) EmitEnabling(inst);
        Asm.Load(8, false, Rax, Context(word.Offset));
        Asm.Op(Alu.Xor, true, Rax, Rdx);
        Asm.Store(8, Context(word.Offset), Rax);
        if ((possible & word.Field) != 0) EmitReady();
        if (inst.Dst >= 0)
        {
            Asm.Op(Alu.Xor, true, Rdx, Rax);
            Asm.Mov(true, Rcx, Rdx);
            EmitVisible(inst.Dst);
        }
        if ((possible & (1u << word.Selector)) != 0) EmitSelection(inst);
    }

    // Returns the bits that may change at all.
    private uint EmitChange(in IrInst inst)
    {
        ControlChange change = (ControlChange)inst.Size;
        uint possible = Word.Writable;
        if (change != ControlChange.Write && inst.A < 0) possible &= (uint)inst.Imm;
        if (inst.A >= 0) ReadInto(inst.A, Rdx);
        else Asm.MovImm(Rdx, inst.Imm & Word.Writable);
        Asm.Load(8, false, Rcx, Context(Word.Offset));
        switch (change)
        {
            case ControlChange.Write: Asm.Op(Alu.Xor, false, Rdx, Rcx); break;
            case ControlChange.Set: Asm.Andn(false, Rdx, Rcx, Rdx); break;
            default: Asm.Op(Alu.And, false, Rdx, Rcx); break;
        }
        Asm.Op(Alu.And, false, Rdx, (int)possible);
        return possible;
    }

    // Something may have waited for the bits that become set.
    private void EmitEnabling(in IrInst inst)
    {
        Label nothing = Asm.NewLabel(), cold = control.ColdInterpret(inst);
        Asm.Andn(false, Rax, Rcx, Rdx);
        Asm.Test(false, Rax, (int)Word.Enabling);
        Asm.Jcc(Cond.E, nothing, isShort: true);
        Asm.Load(4, false, Rax, Context(Word.Pending.First));
        Asm.Op(Alu.Or, false, Rax, Context(Word.Pending.Second));
        Asm.Op(Alu.And, false, Rax, Context(Word.Enabled));
        Asm.Op(Alu.Or, false, Rax, Context(Word.Attention));
        Asm.Jcc(Cond.Ne, cold);
        Asm.Bind(nothing);
    }

    private void EmitReady()
    {
        Asm.Mov(false, Rcx, Rax);
        Asm.Op(Alu.And, false, Rcx, (int)Word.Field);
        Asm.Op(Alu.Cmp, false, Rcx, (int)Word.Field);
        Asm.Setcc(Cond.E, Rcx);
        Asm.Extend(1, false, Rcx, Rcx);
        Asm.Op(Alu.And, true, Rcx, Context(Word.ReadyWhenSet));
        Asm.Store(8, Context(Layout.FloatReady), Rcx);
    }

    // The slot becomes what is visible of the value in rcx. Destroys rax and rdx.
    private void EmitVisible(short dst)
    {
        // The field plus its lowest bit carries into the bit above it if all of it is set; that bit goes to the top.
        uint field = Word.Field, lowest = field & (uint)-(int)field, carry = field + lowest;
        Asm.Mov(false, Rdx, Rcx);
        Asm.Op(Alu.And, false, Rdx, (int)field);
        Asm.Op(Alu.Add, false, Rdx, (int)lowest);
        Asm.Op(Alu.And, false, Rdx, (int)carry);
        Asm.ShiftImm(Shift.Shl, true, Rdx, 63 - BitOperations.Log2(carry));
        Asm.MovImm(Rax, (long)Word.Visible);
        Asm.Op(Alu.And, true, Rcx, Rax);
        Asm.Op(Alu.Or, true, Rcx, Rdx);
        Write(dst, Rcx);
    }

    private void EmitSelection(in IrInst inst)
    {
        const int PairBytesLog2 = 4;
        if (inst.A < 0 && (ControlChange)inst.Size is var change and not ControlChange.Write)
        {
            int pair = Word.Selection + ((change == ControlChange.Set ? 1 : 0) << PairBytesLog2);
            Asm.Load(8, false, Rax, Context(pair));
            Asm.Load(8, false, Rcx, Context(pair + sizeof(ulong)));
        }
        else
        {
            Asm.Load(4, false, Rdx, Context(Word.Offset));
            Asm.ShiftImm(Shift.Shr, false, Rdx, Word.Selector);
            Asm.Op(Alu.And, false, Rdx, 1);
            Asm.ShiftImm(Shift.Shl, false, Rdx, PairBytesLog2);
            Asm.Load(8, false, Rax, new Mem(HomeMap.Context, Word.Selection, Rdx));
            Asm.Load(8, false, Rcx, new Mem(HomeMap.Context, Word.Selection + sizeof(ulong), Rdx));
        }
        Asm.Store(8, Context(Layout.TlbPointer), Rax);
        Asm.Store(8, Context(Layout.TlbOffsetMask), Rcx);
    }
}
