using Doppel.Jit.Abi;
using Doppel.Jit.Allocation;
using Doppel.Jit.Emit;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Regions;

/// <summary>
/// Control flow of a region. Every way out first brings slots to where the other side expects them: their common homes for other units, the
/// region's own homes for its blocks, the context for the interpreter.
/// </summary>
internal sealed class RegionControl(Assembler asm, ContextLayout layout, RegionEmission emission, Stubs stubs)
    : ControlEmitter(asm, layout, emission.Map, emission.Unit, stubs)
{
    private readonly Stubs _stubs = stubs;
    private readonly SlotState _scratch = new();

    private UnitEmission Unit => emission.Unit;

    private SlotMap Map => emission.Map;

    private protected override void EmitBranch(in IrInst inst)
    {
        Compare(inst);
        Cond taken = s_conditions[(int)inst.Cond];
        int count = inst.Before + 1;
        if (emission.LabelOf(inst.Link) is null || inst.Link > inst.GuestOffset)
        {
            Label cold = Asm.NewLabel();
            Unit.Cold.Add(new ColdCode(ColdKind.Taken, cold, default, inst.Link, count));
            Asm.Jcc(taken, cold);
            return;
        }
        // The end of a loop: what leads back stays on the straight line.
        Label next = Asm.NewLabel();
        Asm.Jcc(taken ^ (Cond)1, next);
        Map.Save(_scratch);
        EmitTransfer(inst.Link, count);
        Map.Restore(_scratch);
        emission.Groups.Reassert();
        Asm.Bind(next);
    }

    private protected override void EmitTransfer(int target, int count)
    {
        emission.MaterialiseAll();
        if (emission.LabelOf(target) is { } block)
        {
            emission.Mover.MoveTo(emission.Homes);
            Unit.Cold.State = emission.HomesState;
            EmitBudget(target, count);
            Asm.Jmp(block);
            return;
        }
        emission.Mover.MoveTo(Map.Common);
        Unit.Cold.State = -1;
        EmitBudget(target, count);
        EmitGo(target);
    }

    // Where rax holds something, nothing is deferred any more.
    private protected override void PrepareToLeave()
    {
        emission.MaterialiseAll();
        emission.Mover.MoveTo(Map.Common);
        Unit.Cold.State = -1;
    }

    private protected override void EmitInterpret(int offset, int before)
    {
        EmitStored();
        if (before != 0) Asm.Op(Alu.Sub, true, HomeMap.Budget, before);
        Asm.MovImm(Rcx, offset);
        Asm.JmpAbsolute(_stubs.ExitInterpretStored);
    }

    private protected override void EmitColdCode(in ColdCode cold)
    {
        Unit.Cold.State = cold.State;
        if (cold.State >= 0) emission.Enter(cold.State);
        switch (cold.Kind)
        {
            case ColdKind.Fill: EmitFill(cold); break;
            case ColdKind.FillGroup: EmitFillGroup(cold); break;
            case ColdKind.Indirect:
                emission.MaterialiseAll();
                base.EmitColdCode(cold);
                break;
            case ColdKind.Requick: EmitRequick(cold.Value, cold.Extra); break;
            case ColdKind.Budget when cold.State >= 0:
                EmitStored();
                Asm.MovImm(Rcx, cold.Value);
                Asm.JmpAbsolute(_stubs.ExitBudgetStored);
                break;
            default: base.EmitColdCode(cold); break;
        }
    }

    // All registers come back as they were, so hot code goes on; if the interpreter must do the access, the context is made exact first.
    private void EmitFill(in ColdCode cold)
    {
        EmitFilling(cold);
        EmitInterpret(cold.Value & 0xFFF, cold.Value >> NativeFrame.PackedBeforeShift);
    }

    private void EmitFillGroup(in ColdCode cold)
    {
        EmitFilling(cold);
        EmitRequick(cold.Value & 0xFFF, cold.Extra);
    }

    // Goes back to hot code, or falls through where the access is not for it.
    private void EmitFilling(in ColdCode cold)
    {
        Label fail = Asm.NewLabel();
        Asm.MovImm(Rdx, cold.Value);
        Asm.CallAbsolute(_stubs.FillKeep);
        Asm.Test(true, Rax, Rax);
        Asm.Jcc(Cond.E, fail, isShort: true);
        Asm.Jmp(cold.Return);
        Asm.Bind(fail);
    }

    private void EmitRequick(int offset, int before)
    {
        emission.MaterialiseAll();
        emission.Mover.MoveTo(Map.Common);
        Unit.Cold.State = -1;
        if (before != 0) Asm.Op(Alu.Sub, true, HomeMap.Budget, before);
        EmitLinkedJump(offset, quickOnly: true);
    }

    private void EmitStored()
    {
        emission.MaterialiseAll();
        emission.Mover.Settle();
        emission.Mover.StoreDirty();
    }
}
