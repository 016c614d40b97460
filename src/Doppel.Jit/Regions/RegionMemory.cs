using Doppel.Jit.Emit;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Regions;

/// <summary>Memory accesses of a region.</summary>
internal sealed class RegionMemory(Assembler asm, ContextLayout layout, RegionEmission emission, RegionControl control)
    : MemoryEmitter(asm, layout, emission.Map, emission.Unit)
{
    private IrUnit? _block;
    private int _at;

    internal void BeginBlock(IrUnit block)
    {
        _block = block;
        _at = 0;
    }

    internal void MoveTo(int index) => _at = index;

    internal void Prepare(in IrInst inst)
    {
        _ = inst;
        _ = control;
        _ = _block;
        _ = _at;
    }
}
