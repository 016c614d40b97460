namespace Doppel.Jit.Ir;

/// <summary>
/// What the compiler must know of the native context that generated code works on: byte offsets from where the base register points. The guest's
/// architecture fills this in. Slots below <see cref="FirstFloatSlot"/> hold 64-bit integers, the others 64-bit floating-point registers.
/// </summary>
internal sealed record ContextLayout
{
    /// <summary>Where the base register points, from the start of the context: the nearer a field is, the shorter the code that names it.</summary>
    internal int Base { get; init; }

    /// <summary>Offset of each slot.</summary>
    internal required int[] SlotOffsets { get; init; }

    internal required int FirstFloatSlot { get; init; }

    /// <summary>Slots by how much they gain from a host register, best first.</summary>
    internal required short[] PreferredSlots { get; init; }

    /// <summary>Guest-virtual address of the page of code that runs (64 bits).</summary>
    internal required int CodePage { get; init; }

    /// <summary>Address of the software TLB and mask of an entry's offset in it (64 bits each); the shift before masking; offsets in an entry.</summary>
    internal required int TlbPointer { get; init; }

    internal required int TlbOffsetMask { get; init; }

    internal required int TlbIndexShift { get; init; }

    internal required int TlbReadTag { get; init; }

    internal required int TlbWriteTag { get; init; }

    internal required int TlbAddend { get; init; }

    internal required int TlbPhysical { get; init; }

    /// <summary>Address and value of a load-reserved (64 bits each).</summary>
    internal required int ReservationAddress { get; init; }

    internal required int ReservationValue { get; init; }

    /// <summary>Non-zero byte while floating point may run on the host; rounding mode of the guest (32 bits).</summary>
    internal required int FloatReady { get; init; }

    internal required int RoundingMode { get; init; }

    /// <summary>Accrued flags of the guest (32 bits).</summary>
    internal required int AccruedFlags { get; init; }

    /// <summary>The fields of <see cref="Abi.NativeFrame"/>.</summary>
    internal required int Frame { get; init; }

    /// <summary>
    /// Addresses (64 bits each) of the tables that jumps are looked up in, one for each mode: a jump cache, with a cache of next pages behind it.
    /// </summary>
    internal required int JumpTables { get; init; }

    /// <summary>The word that says what the guest's processor may do.</summary>
    internal required ControlWord Control { get; init; }

    /// <summary>True if other threads run vCPUs of the same memory.</summary>
    internal bool Shared { get; init; }

    /// <summary>What the compiler may do.</summary>
    internal CompilerFeatures Features { get; init; } = CompilerFeatures.All;

    internal bool Has(CompilerFeatures features) => (Features & features) == features;
}
