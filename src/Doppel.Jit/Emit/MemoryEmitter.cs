using System.Numerics;
using Doppel.Jit.Abi;
using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Emit;

/// <summary>
/// Emits loads, stores and atomics: a probe of the software TLB that checks page, permission and alignment with one compare, then the
/// access. What the probe does not settle is cold code.
/// </summary>
internal class MemoryEmitter(Assembler asm, ContextLayout layout, HomeMap homes, UnitEmission unit)
    : EmitterBase(asm, layout, homes)
{
    private const int PageMask = -4096;

    internal bool TryEmit(in IrInst inst)
    {
        switch (inst.Op)
        {
            case IrOp.Load: EmitLoad(inst); return true;
            case IrOp.Store: EmitStore(inst); return true;
            case IrOp.LoadFloat: EmitLoadFloat(inst); return true;
            case IrOp.StoreFloat: EmitStoreFloat(inst); return true;
            case IrOp.AtomicSwap: EmitSwap(inst); return true;
            case IrOp.AtomicAdd: EmitFetchAdd(inst); return true;
            case IrOp.AtomicAnd: EmitFetchLogic(inst, Alu.And); return true;
            case IrOp.AtomicOr: EmitFetchLogic(inst, Alu.Or); return true;
            case IrOp.AtomicXor: EmitFetchLogic(inst, Alu.Xor); return true;
            case IrOp.AtomicMin: EmitFetchSelect(inst, Cond.L); return true;
            case IrOp.AtomicMax: EmitFetchSelect(inst, Cond.G); return true;
            case IrOp.AtomicMinUnsigned: EmitFetchSelect(inst, Cond.B); return true;
            case IrOp.AtomicMaxUnsigned: EmitFetchSelect(inst, Cond.A); return true;
            case IrOp.LoadReserved: EmitLoadReserved(inst); return true;
            case IrOp.ZeroBlock: EmitZeroBlock(inst); return true;
            case IrOp.StoreConditional: EmitStoreConditional(inst); return true;
            default: return false;
        }
    }

    private void EmitLoad(in IrInst inst)
    {
        Mem place = Locate(inst, write: false);
        Gpr target = inst.Dst < 0 ? Rax : Target(inst.Dst, Rax);
        Asm.Load(inst.Size, inst.Signed, target, place);
        if (inst.Dst >= 0) Write(inst.Dst, target);
    }

    private void EmitStore(in IrInst inst)
    {
        Mem place = Locate(inst, write: true);
        if (inst.B < 0) Asm.StoreImm(inst.Size, place, 0);
        else Asm.Store(inst.Size, place, Read(inst.B, Rdx));
    }

    private void EmitLoadFloat(in IrInst inst)
    {
        Mem place = Locate(inst, write: false);
        bool isDouble = inst.Size == 8;
        Xmm target = Homes.HasRegister(inst.Dst) ? Homes.FloatOf(inst.Dst) : X0;
        Asm.LoadXmm(isDouble, target, place);
        if (!isDouble) Asm.Logic(VectorForms.OrOp, target, target, Context(Layout.Frame + NativeFrame.BoxAt));
        if (target == X0) Asm.StoreXmm(true, Homes.PlaceOf(inst.Dst), X0);
    }

    private void EmitStoreFloat(in IrInst inst)
    {
        Mem place = Locate(inst, write: true);
        if (Homes.HasRegister(inst.B))
        {
            Asm.StoreXmm(inst.Size == 8, place, Homes.FloatOf(inst.B));
            return;
        }
        Asm.Load(8, false, Rdx, Homes.PlaceOf(inst.B));
        Asm.Store(inst.Size, place, Rdx);
    }

    private void EmitZeroBlock(in IrInst inst)
    {
        EmitProbe(inst, write: true);
        Asm.Logic(VectorForms.XorOp, X0, X0, X0);
        for (int i = 0; i < inst.Size; i += 16) Asm.StoreVector(new Mem(Rax, i), X0);
    }

    private void EmitSwap(in IrInst inst)
    {
        EmitProbe(inst, write: true, atomic: true);
        ReadInto(inst.B, Rdx);
        Asm.Xchg(inst.Size == 8, new Mem(Rax), Rdx);
        WriteOld(inst, Rdx);
    }

    private void EmitFetchAdd(in IrInst inst)
    {
        EmitProbe(inst, write: true, atomic: true);
        ReadInto(inst.B, Rdx);
        Asm.Xadd(inst.Size == 8, Layout.Shared, new Mem(Rax), Rdx);
        WriteOld(inst, Rdx);
    }

    private void EmitFetchLogic(in IrInst inst, Alu op)
    {
        EmitProbe(inst, write: true, atomic: true);
        bool wide = inst.Size == 8;
        Asm.Mov(true, Rcx, Rax);
        Asm.Load(inst.Size, true, Rax, new Mem(Rcx));
        Label again = Asm.NewLabel();
        Asm.Bind(again);
        Asm.Mov(true, Rdx, Rax);
        if (inst.B < 0) Asm.Op(op, wide, Rdx, 0);
        else if (Homes.HasRegister(inst.B)) Asm.Op(op, wide, Rdx, Homes.IntegerOf(inst.B));
        else Asm.Op(op, wide, Rdx, Homes.PlaceOf(inst.B));
        Asm.CmpXchg(wide, Layout.Shared, new Mem(Rcx), Rdx);
        Asm.Jcc(Cond.Ne, again);
        WriteOld(inst, Rax);
    }

    // The old value stays where it is in the relation to the operand.
    private void EmitFetchSelect(in IrInst inst, Cond stays)
    {
        EmitProbe(inst, write: true, atomic: true);
        bool wide = inst.Size == 8;
        Asm.Mov(true, Rcx, Rax);
        Asm.Load(inst.Size, true, Rax, new Mem(Rcx));
        Label again = Asm.NewLabel();
        Asm.Bind(again);
        ReadInto(inst.B, Rdx);
        Asm.Op(Alu.Cmp, wide, Rax, Rdx);
        Asm.Cmov(stays, true, Rdx, Rax);
        Asm.CmpXchg(wide, Layout.Shared, new Mem(Rcx), Rdx);
        Asm.Jcc(Cond.Ne, again);
        WriteOld(inst, Rax);
    }

    private void WriteOld(in IrInst inst, Gpr old)
    {
        if (inst.Dst < 0) return;
        if (inst.Size == 4) Asm.Extend(4, true, old, old);
        Write(inst.Dst, old);
    }

    private void EmitLoadReserved(in IrInst inst)
    {
        EmitEntryProbe(inst, write: false);
        EmitPhysical();
        Asm.Store(8, Context(Layout.ReservationAddress), Rdx);
        Asm.Op(Alu.Add, true, Rax, new Mem(Rcx, Layout.TlbAddend));
        Asm.Load(inst.Size, true, Rax, new Mem(Rax));
        Asm.Store(8, Context(Layout.ReservationValue), Rax);
        if (inst.Dst >= 0) Write(inst.Dst, Rax);
    }

    private void EmitStoreConditional(in IrInst inst)
    {
        bool wide = inst.Size == 8;
        Label done = Asm.NewLabel();
        EmitEntryProbe(inst, write: true);
        EmitPhysical();
        Asm.Op(Alu.Add, true, Rax, new Mem(Rcx, Layout.TlbAddend));
        Asm.Op(Alu.Cmp, true, Rdx, Context(Layout.ReservationAddress));
        Asm.StoreImm(8, Context(Layout.ReservationAddress), -1);
        Asm.Jcc(Cond.Ne, done);
        Asm.Mov(true, Rcx, Rax);
        Asm.Load(8, false, Rax, Context(Layout.ReservationValue));
        // Reading an absent operand would clear the register by xor, which is fine here: the compare sets the flags anew.
        ReadInto(inst.B, Rdx);
        Asm.CmpXchg(wide, Layout.Shared, new Mem(Rcx), Rdx);
        Asm.Bind(done);
        if (inst.Dst < 0) return;
        Asm.Setcc(Cond.Ne, Rax);
        Asm.Extend(1, false, Rax, Rax);
        Write(inst.Dst, Rax);
    }

    // rdx = guest-physical address of the access whose TLB entry is at rcx and whose address is in rax.
    private void EmitPhysical()
    {
        Asm.Mov(true, Rdx, Rax);
        Asm.Op(Alu.And, false, Rdx, 0xFFF);
        Asm.Op(Alu.Or, true, Rdx, new Mem(Rcx, Layout.TlbPhysical));
    }

    /// <summary>Makes sure that the access is allowed, and names the place in host memory. May use all scratch registers.</summary>
    private protected virtual Mem Locate(in IrInst inst, bool write)
    {
        EmitProbe(inst, write);
        return new Mem(Rax);
    }

    // Leaves the host address in rax. The slow path delivers it, too, so accesses that the TLB never holds still work.
    private void EmitProbe(in IrInst inst, bool write, bool atomic = false)
    {
        Label access = Asm.NewLabel();
        EmitCompareTag(inst, write, atomic, access);
        Asm.Op(Alu.Add, true, Rax, new Mem(Rcx, Layout.TlbAddend));
        Asm.Bind(access);
    }

    // Leaves the guest address in rax and the TLB entry in rcx. The slow path fills the entry and tries again.
    private void EmitEntryProbe(in IrInst inst, bool write)
    {
        Label again = Asm.NewLabel();
        Asm.Bind(again);
        EmitCompareTag(inst, write, atomic: true, again);
    }

    private void EmitCompareTag(in IrInst inst, bool write, bool atomic, Label afterFill)
    {
        EmitAddress(inst);
        // A block is probed by its first byte: it never leaves its page.
        int size = inst.Op == IrOp.ZeroBlock ? 1 : inst.Size;
        if (inst.Op == IrOp.ZeroBlock) Asm.Op(Alu.And, true, Rax, -inst.Size);
        int packed = inst.GuestOffset | (BitOperations.Log2((uint)size) << NativeFrame.PackedSizeShift)
            | (write ? NativeFrame.PackedWrite : 0) | (atomic ? NativeFrame.PackedAtomic : 0) | (inst.Before << NativeFrame.PackedBeforeShift);
        Label cold = Asm.NewLabel();
        unit.Cold.Add(new ColdCode(ColdKind.Fill, cold, afterFill, packed, 0));
        EmitTagCompare(write, size, cold);
    }

    /// <summary>Looks the guest address in rax up: goes to a label unless the TLB has an entry, which rcx points at then.</summary>
    private protected void EmitTagCompare(bool write, int size, Label cold)
    {
        if (!Layout.Has(CompilerFeatures.InlineTlb))
        {
            Asm.Jmp(cold);
            return;
        }
        Asm.Rorx(true, Rcx, Rax, Layout.TlbIndexShift);
        Asm.Op(Alu.And, true, Rcx, Context(Layout.TlbOffsetMask));
        Asm.Op(Alu.Add, true, Rcx, Context(Layout.TlbPointer));
        Asm.Mov(true, Rdx, Rax);
        Asm.Op(Alu.And, true, Rdx, PageMask | (size - 1));
        Asm.Op(Alu.Cmp, true, Rdx, new Mem(Rcx, write ? Layout.TlbWriteTag : Layout.TlbReadTag));
        Asm.Jcc(Cond.Ne, cold);
    }

    private void EmitAddress(in IrInst inst)
    {
        if (inst.A < 0)
        {
            Asm.MovImm(Rax, inst.Imm);
        }
        else if (IsHomed(inst.A) && inst.Imm != 0)
        {
            Asm.Lea(true, Rax, new Mem(Homes.IntegerOf(inst.A), (int)inst.Imm));
        }
        else
        {
            ReadInto(inst.A, Rax);
            if (inst.Imm != 0) Asm.Op(Alu.Add, true, Rax, (int)inst.Imm);
        }
    }
}
