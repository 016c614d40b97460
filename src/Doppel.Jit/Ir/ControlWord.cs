namespace Doppel.Jit.Ir;

/// <summary>
/// A 64-bit word of the guest's state that code reads in part and whose bits it changes, with what follows from some of them at once.
/// Offsets are from the context. Bits that change are all in the lower half.
/// </summary>
internal sealed record ControlWord
{
    internal required int Offset { get; init; }

    /// <summary>Bits that are read, and bits that a write changes.</summary>
    internal required ulong Visible { get; init; }

    internal required uint Writable { get; init; }

    /// <summary>Bits whose change is the interpreter's.</summary>
    internal required uint Interpreted { get; init; }

    /// <summary>
    /// Bits that are the interpreter's to set while something waits for it: the 32 bits at <see cref="Attention"/> are not zero, or those at the
    /// two places of <see cref="Pending"/> have one in common with those at <see cref="Enabled"/>.
    /// </summary>
    internal required uint Enabling { get; init; }

    internal required int Attention { get; init; }

    internal required (int First, int Second) Pending { get; init; }

    internal required int Enabled { get; init; }

    /// <summary>
    /// A field of adjacent bits: while all are set, bit 63 reads as one, and <see cref="ContextLayout.FloatReady"/> is what stands at
    /// <see cref="ReadyWhenSet"/> (64 bits), else zero.
    /// </summary>
    internal required uint Field { get; init; }

    internal required int ReadyWhenSet { get; init; }

    /// <summary>
    /// Number of a bit that selects the software TLB, from two pairs of address and mask (64 bits each) at <see cref="Selection"/>.
    /// </summary>
    internal required int Selector { get; init; }

    internal required int Selection { get; init; }
}

/// <summary>How <see cref="IrOp.ControlWrite"/> makes the new value.</summary>
internal enum ControlChange : byte
{
    Write,
    Set,
    Clear,
}
