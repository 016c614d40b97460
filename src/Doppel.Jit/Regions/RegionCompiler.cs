using System.Numerics;
using System.Runtime.InteropServices;
using Doppel.Jit.Allocation;
using Doppel.Jit.Emit;
using Doppel.Jit.Ir;
using Doppel.Jit.Passes;
using Doppel.Jit.X64;

namespace Doppel.Jit.Regions;

/// <summary>
/// The optimising quality of the compiler. It emits the operations of a region in order, with the emitters of the quick one, and keeps track
/// of where each slot's value is: registers are given to what is used next, cheap operations wait until somebody needs their result, sign
/// extensions until somebody needs the upper half. What waits is made up for in the cold code of each way out, so state is exact there.
/// One thread at a time.
/// </summary>
internal sealed class RegionCompiler
{
    private readonly Assembler _asm;
    private readonly ContextLayout _layout;
    private readonly RegionEmission _emission;
    private readonly IntegerEmitter _integer;
    private readonly MultiplyEmitter _multiply;
    private readonly RegionMemory _memory;
    private readonly RegionControl _control;
    private readonly FloatEmitter _float;
    private readonly FloatClassEmitter _class;
    private readonly SystemEmitter _system;

    internal RegionCompiler(Assembler asm, ContextLayout layout, Stubs stubs)
    {
        _asm = asm;
        _layout = layout;
        _emission = new RegionEmission(asm, layout) { MaterialiseAll = MaterialiseAll };
        SlotMap map = _emission.Map;
        _integer = new IntegerEmitter(asm, layout, map);
        _multiply = new MultiplyEmitter(asm, layout, map);
        _control = new RegionControl(asm, layout, _emission, stubs);
        _memory = new RegionMemory(asm, layout, _emission);
        _float = new FloatEmitter(asm, layout, map, _emission.Unit, _control);
        _class = new FloatClassEmitter(asm, layout, map);
        _system = new SystemEmitter(asm, layout, map, _control);
    }

    private SlotMap Map => _emission.Map;

    private SlotAllocator Allocator => _emission.Allocator;

    /// <summary>Emits the region at the assembler's position; slots are in their common homes where it begins.</summary>
    /// <param name="region">Every block ends with an operation that leaves it.</param>
    /// <param name="firstLink">Number of the region's first jump site.</param>
    /// <returns>The jumps that can be linked; valid until the next call. Empty with <see cref="CodeBuffer.Overflowed"/> if it is too long.</returns>
    internal ReadOnlySpan<JumpSite> Compile(IrRegion region, int firstLink)
    {
        _emission.Begin();
        _emission.Unit.Begin(default, region.Blocks[0], firstLink);
        foreach (IrUnit block in region.Blocks)
        {
            if (_layout.Has(CompilerFeatures.DeadWrites)) DeadWrites.Remove(block);
            if (region.IsLoop) _emission.AddBlock(block.EntryOffset, _asm.NewLabel());
        }
        HomePlanner.Plan(region, Map, _emission.Homes);
        _emission.SetHomes();
        Map.Restore(Map.Common);
        _emission.Mover.MoveTo(_emission.Homes);
        foreach (IrUnit block in region.Blocks) EmitBlock(block);
        _emission.Groups.Clear();
        _control.EmitCold();
        _asm.ResolveLabels();
        return CollectionsMarshal.AsSpan(_emission.Unit.Jumps);
    }

    private void EmitBlock(IrUnit block)
    {
        if (_emission.LabelOf(block.EntryOffset) is { } label) _asm.Bind(label);
        Map.Restore(_emission.Homes);
        Allocator.Begin(block, _emission.Homes);
        _memory.BeginBlock(block);
        _float.BeginUnit();
        Span<IrInst> insts = block.Insts;
        for (int i = 0; i < insts.Length; i++)
        {
            Allocator.MoveTo(i);
            _memory.MoveTo(i);
            Step(insts[i]);
        }
    }

    private void Step(IrInst inst)
    {
        if (inst.Op == IrOp.Nop) return;
        Allocator.Pinned = 0;
        Folding.Fold(Map, ref inst);
        if (_layout.Has(CompilerFeatures.Deferral) && Folding.CanDefer(Map, inst))
        {
            Allocator.Pinned = SlotState.Bit(inst.A);
            Materialise(inst.A);
            FreeFrom(inst.Dst);
            Map.Unbind(inst.Dst);
            Map.ExpressionOf(inst.Dst) = inst;
            Map.Deferred |= SlotState.Bit(inst.Dst);
            _memory.After(inst);
            return;
        }
        Perform(inst);
    }

    // Emits an operation now.
    private void Perform(IrInst inst)
    {
        ulong operands = SlotState.Bit(inst.A) | SlotState.Bit(inst.B) | SlotState.Bit(inst.C);
        ulong pinned = Allocator.Pinned;
        Allocator.Pinned |= operands | SlotState.Bit(inst.Dst);
        for (ulong rest = operands & Map.Deferred; rest != 0; rest &= rest - 1) Materialise(BitOperations.TrailingZeroCount(rest));
        if (inst.Op is IrOp.JumpIndirect or IrOp.CallIndirect or IrOp.Return) MaterialiseAll();
        FreeFrom(inst.Dst);
        Shrink(ref inst);
        for (ulong rest = operands; rest != 0; rest &= rest - 1) Allocator.Want(BitOperations.TrailingZeroCount(rest));
        _memory.Prepare(inst);
        int register = Destination(inst, operands);
        if (MayLeave(inst.Op)) _emission.Unit.Cold.State = _emission.Capture();
        bool narrow = inst.Dst >= 0 && Widths.GivesNarrow(inst, IsNarrow(inst.A), inst.B >= 0 ? IsNarrow(inst.B) : inst.Imm == (int)inst.Imm);
        ulong bit = SlotState.Bit(inst.Dst);
        if (inst.Dst >= 0)
        {
            // What the slot waited for is of no interest any more, but it was where the operation may leave.
            Map.Deferred &= ~bit;
            if (register >= 0) Map.Bind(inst.Dst, register);
            Map.Pending &= ~bit;
            Map.Narrow = narrow ? Map.Narrow | bit : Map.Narrow & ~bit;
        }
        Emit(inst);
        _memory.After(inst);
        if (inst.Dst >= 0 && Map.HasRegister(inst.Dst)) Map.Dirty |= bit;
        Allocator.Pinned = pinned;
    }

    private bool IsNarrow(short slot) => slot < 0 || Map.Is(Map.Narrow, slot);

    // Works on 32 bits where that saves an extension, and extends what is needed in full.
    private void Shrink(ref IrInst inst)
    {
        bool pendingA = Map.Is(Map.Pending, inst.A), pendingB = Map.Is(Map.Pending, inst.B);
        if (!pendingA && !pendingB) return;
        if (Widths.MayShrink(inst.Op) && IsNarrow(inst.A) && (inst.B >= 0 ? IsNarrow(inst.B) : inst.Imm == (int)inst.Imm)) inst.Word = true;
        if (pendingA && !Widths.ReadsLowA(inst) && !IsShrunkSet(inst)) _emission.Mover.Settle(SlotState.Bit(inst.A));
        if (pendingB && !Widths.ReadsLowB(inst) && !IsShrunkSet(inst)) _emission.Mover.Settle(SlotState.Bit(inst.B));
    }

    private static bool IsShrunkSet(in IrInst inst) => inst.Word && Widths.MayShrink(inst.Op);

    // The register that a slot which has none is to be computed in, or -1.
    private int Destination(in IrInst inst, ulong operands)
    {
        if (inst.Dst < 0 || Map.RegisterOf(inst.Dst) >= 0) return -1;
        // An operand of the same name is read from its place, or has got a register above.
        if ((operands & SlotState.Bit(inst.Dst)) != 0) return -1;
        return Allocator.Destine(inst.Dst);
    }

    // A slot will change: what waits for its old value cannot wait any longer.
    private void FreeFrom(short slot)
    {
        if (slot < 0) return;
        for (ulong rest = Map.Deferred; rest != 0; rest &= rest - 1)
        {
            int other = BitOperations.TrailingZeroCount(rest);
            ref IrInst expression = ref Map.ExpressionOf(other);
            if (expression.A == slot || expression.B == slot) Materialise(other);
        }
    }

    private void MaterialiseAll()
    {
        while (Map.Deferred != 0) Materialise(BitOperations.TrailingZeroCount(Map.Deferred));
    }

    private void Materialise(int slot)
    {
        if (!Map.Is(Map.Deferred, slot)) return;
        Map.Deferred &= ~SlotState.Bit(slot);
        Perform(Map.ExpressionOf(slot));
    }

    // Pure arithmetic comes before Load in the list of operations.
    private static bool MayLeave(IrOp op) => op >= IrOp.Load;

    private void Emit(in IrInst inst)
    {
        if (inst.Op == IrOp.LoadFloat) _float.Loaded(inst);
        bool done = _integer.TryEmit(inst) || _memory.TryEmit(inst) || _control.TryEmit(inst) || _multiply.TryEmit(inst) || _float.TryEmit(inst)
            || _class.TryEmit(inst) || _system.TryEmit(inst);
        if (!done) throw new InvalidOperationException($"no emitter for {inst.Op}");
    }
}
