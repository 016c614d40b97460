using Doppel.Jit.X64;

namespace Doppel.Jit.Emit;

/// <summary>A direct jump within a code page that can be linked to the target's unit.</summary>
/// <param name="Site">Offset of the jump's 32-bit distance from the start of the unit's code.</param>
/// <param name="Unlinked">Offset of the code that asks for linking.</param>
/// <param name="Target">Offset of the target on the code page.</param>
internal readonly record struct JumpSite(int Site, int Unlinked, int Target)
{
    /// <summary>True if only the quick translation of the target will do.</summary>
    internal bool QuickOnly { get; init; }
}

/// <summary>What cold code, placed behind the unit, does.</summary>
internal enum ColdKind : byte
{
    /// <summary>A taken branch to a target.</summary>
    Taken,

    /// <summary>Leaves because the budget is spent.</summary>
    Budget,

    /// <summary>Asks for linking of a jump.</summary>
    Unlinked,

    /// <summary>Goes to the guest address in rax.</summary>
    Lookup,

    /// <summary>Goes to the guest address in a slot.</summary>
    Indirect,

    /// <summary>Asks where a call goes that the jump cache does not know.</summary>
    CallUnknown,

    /// <summary>Leaves to interpret one instruction.</summary>
    Interpret,

    /// <summary>Fills the TLB, then returns to the access.</summary>
    Fill,

    /// <summary>Replaces a NaN by the canonical one.</summary>
    CanonicalNan,

    /// <summary>Goes on in the quick translation of the instruction.</summary>
    Requick,

    /// <summary>Fills the TLB, then probes again; if it holds no such page, goes on in the quick translation.</summary>
    FillGroup,
}

/// <summary>One piece of cold code.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Entry">Where hot code jumps to.</param>
/// <param name="Return">Where it goes on in hot code, if it does.</param>
/// <param name="Value">Target offset, instruction offset, slot or packed access.</param>
/// <param name="Extra">Instruction count, or register.</param>
internal readonly record struct ColdCode(ColdKind Kind, Label Entry, Label Return, int Value, int Extra)
{
    /// <summary>Where slots are when the code is entered: a number of the region's states, or -1 for the common homes.</summary>
    internal int State { get; init; }
}

/// <summary>Cold code in the order in which it was put aside.</summary>
internal sealed class ColdQueue
{
    private readonly List<ColdCode> _codes = [];

    /// <summary>Stamped on what is added.</summary>
    internal int State { get; set; } = -1;

    internal int Count => _codes.Count;

    internal ColdCode this[int index] => _codes[index];

    internal void Add(ColdCode code) => _codes.Add(code with { State = State });

    internal void Clear()
    {
        _codes.Clear();
        State = -1;
    }
}

/// <summary>State of the unit that is being emitted, shared by the emitters of one compiler.</summary>
internal sealed class UnitEmission
{
    internal ColdQueue Cold { get; } = new();

    internal List<JumpSite> Jumps { get; } = [];

    internal Label Entry { get; set; }

    internal int EntryOffset { get; set; }

    internal int Mode { get; set; }

    /// <summary>Number that the cache will give to this unit's first jump.</summary>
    internal int FirstLink { get; set; }

    internal void Begin(Label entry, Ir.IrUnit unit, int firstLink)
    {
        Cold.Clear();
        Jumps.Clear();
        Entry = entry;
        EntryOffset = unit.EntryOffset;
        Mode = unit.Mode;
        FirstLink = firstLink;
    }
}
