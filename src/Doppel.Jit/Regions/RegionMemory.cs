using Doppel.Jit.Abi;
using Doppel.Jit.Emit;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Regions;

/// <summary>Memory accesses of a region: those off the same base share a probe, and the host address that it gave.</summary>
internal sealed class RegionMemory(Assembler asm, ContextLayout layout, RegionEmission emission)
    : MemoryEmitter(asm, layout, emission.Map, emission.Unit)
{
    private const int PageBit = 0x1000;

    private IrUnit? _block;
    private int _at;

    private ProbeGroups Groups => emission.Groups;

    internal void BeginBlock(IrUnit block)
    {
        _block = block;
        Groups.Clear();
    }

    internal void MoveTo(int index) => _at = index;

    /// <summary>Opens a group if the operation is the first of several accesses. The register is taken before state is kept for the way out.</summary>
    internal void Prepare(in IrInst inst)
    {
        if (inst.Op is not (IrOp.Load or IrOp.Store or IrOp.LoadFloat or IrOp.StoreFloat) || inst.A < 0 || Groups.Find(inst) >= 0) return;
        int index = Groups.FindFree();
        if (index < 0 || !Layout.Has(CompilerFeatures.SharedProbes)) return;
        ProbeGroups.Group group = default;
        int distance = ProbeGroups.Survey(_block!, _at, inst, ref group);
        if (distance == 0) return;
        group.Register = emission.Allocator.TakeForAddress(distance);
        if (group.Register < 0) return;
        emission.Map.Reserve(group.Register);
        group.IsActive = true;
        group.IsFresh = true;
        Groups[index] = group;
    }

    /// <summary>Notes that an operation was emitted.</summary>
    internal void After(in IrInst inst) => Groups.After(inst, _at);

    private protected override Mem Locate(in IrInst inst, bool write)
    {
        int index = Groups.Find(inst);
        if (index < 0) return base.Locate(inst, write);
        ref ProbeGroups.Group group = ref Groups[index];
        if (group.IsFresh) EmitPageCheck(inst, group);
        if (group.IsFresh || (write && !group.IsWritable))
        {
            EmitGroupProbe(inst, write, (Gpr)group.Register, group.IsFresh);
            group.IsFresh = false;
            group.IsWritable |= write;
        }
        return new Mem((Gpr)group.Register, (int)(inst.Imm + group.Bias - group.Origin));
    }

    // All members lie in one page; if not, the quick translation does these.
    private void EmitPageCheck(in IrInst inst, in ProbeGroups.Group group)
    {
        if (group.High - group.Low <= inst.Size && group.Low == inst.Imm && inst.Size == 1) return;
        EmitPlus(Rax, inst, group.Low - inst.Imm);
        EmitPlus(Rdx, inst, group.High - 1 - inst.Imm);
        Asm.Op(Alu.Xor, false, Rdx, Rax);
        Asm.Test(false, Rdx, PageBit);
        Asm.Jcc(Cond.Ne, emission.ColdRequick(inst));
    }

    private void EmitPlus(Gpr target, IrInst inst, long offset)
    {
        inst.Imm += offset;
        Gpr a = Read(inst.A, target);
        if (inst.Imm != 0) Asm.Lea(true, target, new Mem(a, (int)inst.Imm));
        else if (a != target) Asm.Mov(true, target, a);
    }

    // Stores are checked only when one comes: the guest sees a page become dirty.
    private void EmitGroupProbe(in IrInst inst, bool write, Gpr register, bool isFirst)
    {
        Label again = Asm.NewLabel(), cold = Asm.NewLabel();
        Asm.Bind(again);
        EmitPlus(Rax, inst, 0);
        int packed = inst.GuestOffset | NativeFrame.PackedAtomic | (write ? NativeFrame.PackedWrite : 0)
            | (inst.Before << NativeFrame.PackedBeforeShift);
        emission.Unit.Cold.Add(new ColdCode(ColdKind.FillGroup, cold, again, packed, inst.Before));
        EmitTagCompare(write, 1, cold);
        if (!isFirst) return;
        Asm.Load(8, false, register, new Mem(Rcx, Layout.TlbAddend));
        Asm.Op(Alu.Add, true, register, Rax);
    }
}
