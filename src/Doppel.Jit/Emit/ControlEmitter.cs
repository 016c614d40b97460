using Doppel.Jit.Abi;
using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Emit;

/// <summary>
/// Emits branches, jumps, exits and the cold code behind a unit. Instructions are counted where control leaves the straight line, so a
/// branch that is not taken costs nothing.
/// </summary>
internal class ControlEmitter(Assembler asm, ContextLayout layout, HomeMap homes, UnitEmission unit, Stubs stubs)
    : EmitterBase(asm, layout, homes)
{
    private const int PageSize = 4096;
    private protected static readonly Cond[] s_conditions = [Cond.E, Cond.Ne, Cond.L, Cond.Ge, Cond.B, Cond.Ae];

    internal bool TryEmit(in IrInst inst)
    {
        switch (inst.Op)
        {
            case IrOp.Branch: EmitBranch(inst); return true;
            case IrOp.Jump: EmitTransfer((int)inst.Imm, inst.Before); return true;
            case IrOp.JumpIndirect or IrOp.CallIndirect or IrOp.Return: EmitJumpIndirect(inst); return true;
            case IrOp.Call: EmitCall(inst); return true;
            case IrOp.ReturnGuard: EmitReturnGuard(inst); return true;
            case IrOp.Interpret: EmitInterpret(inst.GuestOffset, inst.Before); return true;
            case IrOp.FloatGuard:
                Asm.CmpByte(Context(Layout.FloatReady), 0);
                Asm.Jcc(Cond.E, ColdInterpret(inst));
                return true;
            case IrOp.FloatReadGuard:
                Asm.Test(false, Context(Layout.Control.Offset), (int)Layout.Control.Field);
                Asm.Jcc(Cond.E, ColdInterpret(inst));
                return true;
            case IrOp.RoundingGuard:
                Asm.Op(Alu.Cmp, false, Context(Layout.RoundingMode), (int)inst.Imm);
                Asm.Jcc(Cond.Ne, ColdInterpret(inst));
                return true;
            case IrOp.FlagGuard:
                Asm.CmpByte(Context((int)inst.Imm), 0);
                Asm.Jcc(Cond.E, ColdInterpret(inst));
                return true;
            case IrOp.NextPageGuard: EmitNextPageGuard(inst); return true;
            case IrOp.Fence: Asm.Mfence(); return true;
            default: return false;
        }
    }

    /// <summary>Makes cold code that interprets the instruction.</summary>
    internal Label ColdInterpret(in IrInst inst)
    {
        Label label = Asm.NewLabel();
        unit.Cold.Add(new ColdCode(ColdKind.Interpret, label, default, inst.GuestOffset, inst.Before));
        return label;
    }

    /// <summary>Emits everything that was put aside.</summary>
    internal void EmitCold()
    {
        // Cold code may put more cold code aside, so the list grows while it is walked.
        for (int i = 0; i < unit.Cold.Count; i++)
        {
            ColdCode cold = unit.Cold[i];
            Asm.Bind(cold.Entry);
            EmitColdCode(cold);
        }
    }

    /// <summary>Emits one piece of cold code.</summary>
    private protected virtual void EmitColdCode(in ColdCode cold)
    {
        switch (cold.Kind)
        {
            case ColdKind.Taken: EmitTransfer(cold.Value, cold.Extra); break;
            case ColdKind.Budget:
                Asm.MovImm(Rcx, cold.Value);
                Asm.JmpAbsolute(stubs.ExitBudget);
                break;
            case ColdKind.Unlinked:
                Asm.MovImm(Rcx, cold.Value);
                Asm.MovImm(Rdx, cold.Extra);
                Asm.JmpAbsolute(stubs.ExitLink);
                break;
            case ColdKind.Interpret: EmitInterpret(cold.Value, cold.Extra); break;
            case ColdKind.Fill:
                Asm.MovImm(Rdx, cold.Value);
                Asm.CallAbsolute(stubs.Fill);
                Asm.Jmp(cold.Return);
                break;
            case ColdKind.Lookup: EmitLookup(); break;
            case ColdKind.Indirect:
                ReadInto((short)cold.Value, Rax);
                PrepareToLeave();
                EmitIndirectBudget(cold.Extra);
                EmitLookup();
                break;
            case ColdKind.CallUnknown: EmitCallUnknown(cold.Return); break;
            case ColdKind.CanonicalNan:
                Asm.LoadXmm(true, (Xmm)cold.Extra, Field(cold.Value == 8 ? NativeFrame.NanDoubleAt : NativeFrame.NanSingleAt));
                Asm.Jmp(cold.Return);
                break;
            default: throw new InvalidOperationException($"no emitter for {cold.Kind}");
        }
    }

    private Mem JumpTable => Context(Layout.JumpTables + (unit.Mode * sizeof(ulong)));

    private protected Mem Field(int offset) => Context(Layout.Frame + offset);

    private protected virtual void EmitBranch(in IrInst inst)
    {
        Compare(inst);
        Cond taken = s_conditions[(int)inst.Cond];
        int target = inst.Link;
        int count = inst.Before + 1;
        if (target > inst.GuestOffset)
        {
            Label cold = Asm.NewLabel();
            unit.Cold.Add(new ColdCode(ColdKind.Taken, cold, default, target, count));
            Asm.Jcc(taken, cold);
            return;
        }
        // Backward branches are loops: the taken path is the straight one.
        Label next = Asm.NewLabel();
        Asm.Jcc(taken ^ (Cond)1, next, isShort: true);
        EmitTransfer(target, count);
        Asm.Bind(next);
    }

    // Goes to an offset from the code page's start after count instructions of the unit.
    private protected virtual void EmitTransfer(int target, int count)
    {
        EmitBudget(target, count);
        if (target == unit.EntryOffset && Layout.Has(CompilerFeatures.Chaining))
        {
            Asm.Jmp(unit.Entry);
        }
        else
        {
            EmitGo(target);
        }
    }

    /// <summary>Counts instructions in front of a target, and leaves if that was the last.</summary>
    private protected void EmitBudget(int target, int count)
    {
        Label budget = Asm.NewLabel();
        unit.Cold.Add(new ColdCode(ColdKind.Budget, budget, default, target, 0));
        Asm.Op(Alu.Sub, true, HomeMap.Budget, count);
        Asm.Jcc(Cond.S, budget);
    }

    /// <summary>Jumps to a target outside the unit; slots are in their common homes, instructions are counted.</summary>
    private protected void EmitGo(int target)
    {
        if (target is >= 0 and < PageSize)
        {
            EmitLinkedJump(target);
            return;
        }
        Asm.Load(8, false, Rax, Context(Layout.CodePage));
        Asm.Op(Alu.Add, true, Rax, target);
        EmitLookup();
    }

    /// <summary>Jumps to code of the same page, through C# the first time.</summary>
    private protected void EmitLinkedJump(int target, bool quickOnly = false)
    {
        Asm.Jmp(AddLink(target, quickOnly));
    }

    // Makes the site of a jump or call that is patched when its target is known; its instruction must follow.
    private Label AddLink(int target, bool quickOnly)
    {
        Label unlinked = Asm.NewLabel();
        // The distance is patched while other threads may run it: only a store to eight aligned bytes is atomic for instruction fetches
        // (AMD64 manual, volume 2, 7.6.1, "Asynchronous modification").
        while (Layout.Shared && (((int)Asm.Here + 1) & 7) > 4) Asm.Byte(0x90);
        unit.Jumps.Add(new JumpSite(Asm.Position + 1, unlinked.Id, target) { QuickOnly = quickOnly });
        unit.Cold.Add(new ColdCode(ColdKind.Unlinked, unlinked, default, target, unit.FirstLink + unit.Jumps.Count - 1));
        return unlinked;
    }

    private void EmitJumpIndirect(in IrInst inst)
    {
        EmitTarget(inst);
        PrepareToLeave();
        Gpr back = inst.Dst >= 0 ? EmitReturnAddress(inst) : default;
        EmitIndirectBudget(inst.Before + 1);
        switch (inst.Op)
        {
            case IrOp.CallIndirect:
                Asm.Push(back);
                EmitCallLookup(inst.Link);
                break;
            case IrOp.Return: EmitReturn(); break;
            default: EmitLookup(); break;
        }
    }

    private void EmitIndirectBudget(int count)
    {
        Asm.Op(Alu.Sub, true, HomeMap.Budget, count);
        Asm.JccAbsolute(Cond.S, stubs.ExitBudgetIndirect);
    }

    /// <summary>Brings slots to their common homes. Keeps rax.</summary>
    private protected virtual void PrepareToLeave()
    {
    }

    // A host call for a guest call lets the host predict the return. How deep they may nest is bounded by the budget.
    private void EmitCall(in IrInst inst)
    {
        PrepareToLeave();
        Gpr back = EmitReturnAddress(inst);
        int target = (int)inst.Imm;
        EmitBudget(target, inst.Before);
        Asm.Push(back);
        if (target is >= 0 and < PageSize)
        {
            Asm.Call(AddLink(target, quickOnly: false));
            EmitReturnPoint(inst.Link);
            return;
        }
        Asm.Load(8, false, Rax, Context(Layout.CodePage));
        Asm.Op(Alu.Add, true, Rax, target);
        EmitCallLookup(inst.Link);
    }

    private void EmitCallLookup(int link)
    {
        Label unknown = Asm.NewLabel(), back = Asm.NewLabel();
        unit.Cold.Add(new ColdCode(ColdKind.CallUnknown, unknown, back, 0, 0));
        EmitProbe();
        Asm.Jcc(Cond.Ne, unknown);
        SetCodePage();
        Asm.Call(new Mem(Rdx, 8, Rcx, 3));
        Asm.Bind(back);
        EmitReturnPoint(link);
    }

    // The host's code finds out where the call goes; the return still comes back here.
    private void EmitCallUnknown(Label back)
    {
        Label lookup = Asm.NewLabel();
        Asm.Call(lookup);
        Asm.Jmp(back);
        Asm.Bind(lookup);
        Asm.JmpAbsolute(stubs.ExitLookup);
    }

    // The host's return has come here: what was pushed is the guest's pc, and the page that it is on may be another than the callee's.
    private void EmitReturnPoint(int link)
    {
        Asm.Pop(Rax);
        if (link >= PageSize)
        {
            EmitLookup();
            return;
        }
        SetCodePage();
        EmitLinkedJump(link);
    }

    // Goes to the guest-virtual address in rax by the host's return if that is where the last call wants to come back to.
    private void EmitReturn()
    {
        Label other = Asm.NewLabel();
        unit.Cold.Add(new ColdCode(ColdKind.Lookup, other, default, 0, 0));
        Asm.Op(Alu.Cmp, true, Rax, new Mem(Gpr.Rsp, sizeof(ulong)));
        Asm.Jcc(Cond.Ne, other);
        Asm.Ret();
    }

    private void EmitReturnGuard(in IrInst inst)
    {
        Label other = Asm.NewLabel();
        unit.Cold.Add(new ColdCode(ColdKind.Indirect, other, default, inst.A, inst.Before + 1));
        Asm.Load(8, false, Rax, Context(Layout.CodePage));
        Asm.Op(Alu.Add, true, Rax, inst.Link);
        if (Homes.HasRegister(inst.A)) Asm.Op(Alu.Cmp, true, Rax, Homes.IntegerOf(inst.A));
        else Asm.Op(Alu.Cmp, true, Rax, Homes.PlaceOf(inst.A));
        Asm.Jcc(Cond.Ne, other);
    }

    // Computes the target of an indirect jump into rax.
    private void EmitTarget(in IrInst inst)
    {
        if (inst.A >= 0 && IsHomed(inst.A) && inst.Imm != 0)
        {
            Asm.Lea(true, Rax, new Mem(Homes.IntegerOf(inst.A), (int)inst.Imm));
        }
        else
        {
            ReadInto(inst.A, Rax);
            if (inst.Imm != 0) Asm.Op(Alu.Add, true, Rax, (int)inst.Imm);
        }
    }

    // Slots are in their common homes.
    private Gpr EmitReturnAddress(in IrInst inst)
    {
        Gpr link = Target(inst.Dst, Rcx);
        Asm.Load(8, false, link, Context(Layout.CodePage));
        Asm.Op(Alu.Add, true, link, inst.Link);
        Write(inst.Dst, link);
        return link;
    }

    // Goes to the guest-virtual address in rax. An odd address never matches, so bit 0 is left to the slow path.
    private void EmitLookup()
    {
        EmitProbe();
        Asm.JccAbsolute(Cond.Ne, stubs.ExitLookup);
        SetCodePage();
        Asm.Jmp(new Mem(Rdx, 8, Rcx, 3));
    }

    // Finds the entry of the jump cache for rax, at rdx + 8 * rcx, and compares.
    private void EmitProbe()
    {
        Asm.Load(8, false, Rdx, JumpTable);
        Asm.Mov(false, Rcx, Rax);
        Asm.Op(Alu.And, false, Rcx, JumpCacheEntry.IndexMask);
        Asm.Op(Alu.Cmp, true, Rax, new Mem(Rdx, 0, Rcx, 3));
    }

    private void SetCodePage()
    {
        Asm.Op(Alu.And, true, Rax, -PageSize);
        Asm.Store(8, Context(Layout.CodePage), Rax);
    }

    private void EmitNextPageGuard(in IrInst inst)
    {
        Label cold = ColdInterpret(inst);
        Asm.Load(8, false, Rdx, JumpTable);
        Asm.Load(8, false, Rax, Context(Layout.CodePage));
        Asm.Rorx(true, Rcx, Rax, 12 - 4);
        Asm.Op(Alu.And, false, Rcx, (NextPageEntry.Entries - 1) << 4);
        Asm.Op(Alu.Cmp, true, Rax, new Mem(Rdx, JumpCacheEntry.CacheBytes, Rcx));
        Asm.Jcc(Cond.Ne, cold);
        Asm.MovImm(Rax, inst.Imm);
        Asm.Op(Alu.Cmp, true, Rax, new Mem(Rdx, JumpCacheEntry.CacheBytes + 8, Rcx));
        Asm.Jcc(Cond.Ne, cold);
    }

    private protected virtual void EmitInterpret(int offset, int before)
    {
        if (before != 0) Asm.Op(Alu.Sub, true, HomeMap.Budget, before);
        Asm.MovImm(Rcx, offset);
        Asm.JmpAbsolute(stubs.ExitInterpret);
    }
}
