using System.Runtime.InteropServices;
using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;
using Doppel.Jit.Passes;
using Doppel.Jit.X64;

namespace Doppel.Jit.Emit;

/// <summary>Turns the operations of one unit into host code. One thread at a time.</summary>
internal sealed class UnitCompiler
{
    private readonly Assembler _asm;
    private readonly ContextLayout _layout;
    private readonly UnitEmission _unit = new();
    private readonly IntegerEmitter _integer;
    private readonly MultiplyEmitter _multiply;
    private readonly MemoryEmitter _memory;
    private readonly ControlEmitter _control;
    private readonly FloatEmitter _float;
    private readonly FloatClassEmitter _class;
    private readonly SystemEmitter _system;

    internal UnitCompiler(Assembler asm, ContextLayout layout, HomeMap homes, Stubs stubs)
    {
        _asm = asm;
        _layout = layout;
        _integer = new IntegerEmitter(asm, layout, homes);
        _multiply = new MultiplyEmitter(asm, layout, homes);
        _memory = new MemoryEmitter(asm, layout, homes, _unit);
        _control = new ControlEmitter(asm, layout, homes, _unit, stubs);
        _float = new FloatEmitter(asm, layout, homes, _unit, _control);
        _class = new FloatClassEmitter(asm, layout, homes);
        _system = new SystemEmitter(asm, layout, homes, _control);
    }

    /// <summary>
    /// Emits the unit at the assembler's position, which is aligned to 8 bytes. It begins with room for a jump to what replaces it one day.
    /// </summary>
    /// <param name="unit">Must end with an operation that leaves it.</param>
    /// <param name="firstLink">Number of the unit's first jump site.</param>
    /// <returns>The jumps that can be linked; valid until the next call.</returns>
    internal ReadOnlySpan<JumpSite> Compile(IrUnit unit, int firstLink)
    {
        if (_layout.Has(CompilerFeatures.DeadWrites)) DeadWrites.Remove(unit);
        _asm.Nop5();
        Label entry = _asm.NewLabel();
        _asm.Bind(entry);
        _unit.Begin(entry, unit, firstLink);
        _float.BeginUnit();
        foreach (ref IrInst inst in unit.Insts) Emit(inst);
        _control.EmitCold();
        _asm.ResolveLabels();
        Span<JumpSite> jumps = CollectionsMarshal.AsSpan(_unit.Jumps);
        if (_asm.Overflowed) throw new InvalidOperationException("a unit is longer than the cache's limit for units");
        return jumps;
    }

    private void Emit(in IrInst inst)
    {
        if (inst.Op == IrOp.LoadFloat) _float.Loaded(inst);
        bool done = _integer.TryEmit(inst) || _memory.TryEmit(inst) || _control.TryEmit(inst) || _multiply.TryEmit(inst) || _float.TryEmit(inst)
            || _class.TryEmit(inst) || _system.TryEmit(inst);
        if (!done) throw new InvalidOperationException($"no emitter for {inst.Op}");
    }
}
