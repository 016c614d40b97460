using Doppel.Jit.X64;

namespace Doppel.Jit.Emit;

/// <summary>A direct jump within a code page that can be linked to the target's unit.</summary>
/// <param name="Site">Offset of the jump's 32-bit distance from the start of the unit's code.</param>
/// <param name="Unlinked">Offset of the code that asks for linking.</param>
/// <param name="Target">Offset of the target on the code page.</param>
internal readonly record struct JumpSite(int Site, int Unlinked, int Target);

/// <summary>What cold code, placed behind the unit, does.</summary>
internal enum ColdKind : byte
{
    /// <summary>A taken branch to a target.</summary>
    Taken,

    /// <summary>Leaves because the budget is spent.</summary>
    Budget,

    /// <summary>Asks for linking of a jump.</summary>
    Unlinked,

    /// <summary>Leaves to interpret one instruction.</summary>
    Interpret,

    /// <summary>Fills the TLB, then returns to the access.</summary>
    Fill,

    /// <summary>Replaces a NaN by the canonical one.</summary>
    CanonicalNan,
}

/// <summary>One piece of cold code.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Entry">Where hot code jumps to.</param>
/// <param name="Return">Where it goes on in hot code, if it does.</param>
/// <param name="Value">Target offset, instruction offset or packed access.</param>
/// <param name="Extra">Instruction count, or register.</param>
internal readonly record struct ColdCode(ColdKind Kind, Label Entry, Label Return, int Value, int Extra);

/// <summary>State of the unit that is being emitted, shared by the emitters of one compiler.</summary>
internal sealed class UnitEmission
{
    internal List<ColdCode> Cold { get; } = [];

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
