using Doppel.Jit.Allocation;
using Doppel.Jit.Emit;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.Regions;

/// <summary>What the parts of the region compiler share while one region is emitted. One thread at a time.</summary>
internal sealed class RegionEmission
{
    private readonly List<SlotState> _states = [];
    private readonly Dictionary<int, Label> _labels = [];
    private readonly Assembler _asm;
    private int _stateCount;

    internal RegionEmission(Assembler asm, ContextLayout layout)
    {
        Map = new SlotMap(layout);
        Mover = new StateMover(asm, Map);
        Allocator = new SlotAllocator(Map, Mover);
        Groups = new ProbeGroups(Map);
        _asm = asm;
    }

    internal UnitEmission Unit { get; } = new();

    internal SlotMap Map { get; }

    internal StateMover Mover { get; }

    internal SlotAllocator Allocator { get; }

    internal ProbeGroups Groups { get; }

    /// <summary>Where slots are at the beginning of each block, and the number of that state.</summary>
    internal SlotState Homes { get; } = new();

    internal int HomesState { get; private set; }

    /// <summary>Emits what is deferred.</summary>
    internal Action MaterialiseAll { get; set; } = static () => { };

    internal void Begin()
    {
        _stateCount = 0;
        _labels.Clear();
    }

    /// <summary>Notes the homes once they are chosen.</summary>
    internal void SetHomes()
    {
        Map.Restore(Homes);
        HomesState = Capture();
    }

    internal void AddBlock(int offset, Label label) => _labels[offset] = label;

    /// <summary>The block that begins at an offset, if it is one of the region's.</summary>
    internal Label? LabelOf(int offset) => _labels.TryGetValue(offset, out Label label) ? label : null;

    /// <summary>Makes cold code that goes on in the quick translation of the instruction.</summary>
    internal Label ColdRequick(in IrInst inst)
    {
        Label label = _asm.NewLabel();
        Unit.Cold.Add(new ColdCode(ColdKind.Requick, label, default, inst.GuestOffset, inst.Before));
        return label;
    }

    /// <summary>Keeps the current places for cold code.</summary>
    internal int Capture()
    {
        if (_stateCount == _states.Count) _states.Add(new SlotState());
        Map.Save(_states[_stateCount]);
        return _stateCount++;
    }

    /// <summary>Makes a kept state the current one, for cold code.</summary>
    internal void Enter(int state)
    {
        Map.Restore(_states[state]);
        Allocator.Begin(null, null);
    }
}
