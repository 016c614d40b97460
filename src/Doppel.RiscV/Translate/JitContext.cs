using System.Numerics;
using System.Runtime.InteropServices;
using Doppel.Core.Memory;
using Doppel.Jit.Abi;
using Doppel.Jit.Ir;
using Doppel.RiscV.Context;

namespace Doppel.RiscV.Translate;

/// <summary>The context of a hart whose code is translated: what generated code addresses from its base register.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct JitContext
{
    // Where the base register points: displacements that fit a byte then reach the first fields and the integer registers up to x25.
    private const int Base = 128;

    internal HartContext Hart;

    /// <summary>Non-zero if mstatus.FS is Dirty and frm is a mode that the host knows.</summary>
    internal ulong FloatReady;

    /// <summary>One if frm is a mode that the host knows.</summary>
    internal ulong RoundingReady;

    /// <summary>Non-zero if CBO.ZERO is allowed in the current mode.</summary>
    internal ulong ZeroReady;

    /// <summary>Epoch of the generated code that the hart runs, as <see cref="CodeEpochs"/> has it.</summary>
    internal ulong CodeEpoch;

    /// <summary>Accesses that missed the TLB in generated code.</summary>
    internal ulong Fills;

    internal NativeFrame Frame;

    /// <summary>Place of <see cref="ZeroReady"/>.</summary>
    internal static int ZeroReadyOffset
    {
        get
        {
            JitContext context;
            return PlaceOf(&context, &context.ZeroReady);
        }
    }

    /// <summary>Place of frm.</summary>
    internal static int RoundingModeOffset
    {
        get
        {
            JitContext context;
            return PlaceOf(&context, &context.Hart.State.Frm);
        }
    }

    /// <summary>Describes the context to the compiler.</summary>
    internal static ContextLayout DescribeLayout(JitContext* c, bool shared, JitOptions options)
    {
        int[] slots = new int[64];
        for (int i = 0; i < 32; i++)
        {
            slots[i] = PlaceOf(c, c->Hart.State.X + i);
            slots[UnitBuilder.FirstFloat + i] = PlaceOf(c, c->Hart.State.F + i);
        }
        SoftTlbEntry entry;
        return new ContextLayout
        {
            Base = Base,
            SlotOffsets = slots,
            FirstFloatSlot = UnitBuilder.FirstFloat,
            PreferredSlots = options.Has(JitFeatures.Homes) ? s_preferred : [],
            CodePage = PlaceOf(c, &c->Hart.CodePage),
            TlbPointer = PlaceOf(c, &c->Hart.Tlb),
            TlbOffsetMask = PlaceOf(c, &c->Hart.TlbOffsetMask),
            TlbIndexShift = HartContext.TlbIndexShift,
            TlbReadTag = OffsetOf(&entry, &entry.ReadTag),
            TlbWriteTag = OffsetOf(&entry, &entry.WriteTag),
            TlbAddend = OffsetOf(&entry, &entry.Addend),
            TlbPhysical = OffsetOf(&entry, &entry.Gpa),
            ReservationAddress = PlaceOf(c, &c->Hart.State.ReservationAddress),
            ReservationValue = PlaceOf(c, &c->Hart.State.ReservationValue),
            FloatReady = PlaceOf(c, &c->FloatReady),
            AccruedFlags = PlaceOf(c, &c->Hart.State.Fflags),
            RoundingMode = PlaceOf(c, &c->Hart.State.Frm),
            Frame = PlaceOf(c, &c->Frame),
            JumpTables = PlaceOf(c, c->Hart.JumpTables),
            Control = DescribeStatus(c),
            Shared = shared,
            Features = options.Compiler,
        };
    }

    // sstatus. A change of MXR empties the TLBs.
    private static ControlWord DescribeStatus(JitContext* c) => new()
    {
        Offset = PlaceOf(c, &c->Hart.State.Mstatus),
        Visible = Mstatus.SupervisorView & ~Mstatus.Sd,
        Writable = (uint)(Mstatus.Sie | Mstatus.Spie | Mstatus.Spp | Mstatus.Fs | Mstatus.Sum | Mstatus.Mxr),
        Interpreted = (uint)Mstatus.Mxr,
        Enabling = (uint)Mstatus.Sie,
        Attention = PlaceOf(c, &c->Hart.Attention),
        Pending = (PlaceOf(c, &c->Hart.Wires), PlaceOf(c, &c->Hart.State.Mip)),
        Enabled = PlaceOf(c, &c->Hart.State.Mie),
        Field = (uint)Mstatus.Fs,
        ReadyWhenSet = PlaceOf(c, &c->RoundingReady),
        Selector = BitOperations.Log2(Mstatus.Sum),
        Selection = PlaceOf(c, c->Hart.TlbOfSum),
    };

    /// <summary>Place of a field, from where the base register points.</summary>
    internal static int PlaceOf(JitContext* context, void* field) => OffsetOf(context, field) - Base;

    private static int OffsetOf(void* start, void* field) => (int)((byte*)field - (byte*)start);

    // What compilers use most: arguments and temporaries of the C extension's three-bit fields, sp; then fa0–fa7, ft0–ft3, fs0, fs1.
    private static readonly short[] s_preferred =
    [
        15, 14, 10, 13, 2, 8, 11, 12, 9, 16,
        42, 43, 44, 45, 46, 47, 48, 49, 32, 33, 34, 35, 40, 41,
    ];
}
