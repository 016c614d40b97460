using Doppel.Jit.Allocation;
using Doppel.Jit.Ir;

namespace Doppel.UnitTests.Jit;

/// <summary>A guest of 32 integer and 32 floating-point slots that stand one after the other in the context.</summary>
internal static class SlotMapFixture
{
    internal const int FirstFloat = 32;

    internal static SlotMap Create() => new(new ContextLayout
    {
        SlotOffsets = [.. Enumerable.Range(0, SlotState.Slots).Select(static i => i * 8)],
        FirstFloatSlot = FirstFloat,
        PreferredSlots = [15, 14, 10, 13, 2, 8, 11, 12, 9, 16, 42, 43, 44, 45, 46, 47, 48, 49, 32, 33, 34, 35, 40, 41],
        CodePage = 0,
        TlbPointer = 0,
        TlbOffsetMask = 0,
        TlbIndexShift = 0,
        TlbReadTag = 0,
        TlbWriteTag = 0,
        TlbAddend = 0,
        TlbPhysical = 0,
        ReservationAddress = 0,
        ReservationValue = 0,
        FloatReady = 0,
        RoundingMode = 0,
        AccruedFlags = 0,
        Frame = 0,
        JumpTables = 0,
        Control = default!,
    });

    /// <summary>Lets a slot wait for an operation.</summary>
    internal static void Defer(SlotMap map, IrInst inst)
    {
        map.ExpressionOf(inst.Dst) = inst;
        map.Deferred |= SlotState.Bit(inst.Dst);
    }

    internal static IrInst Inst(IrOp op, short dst, short a, short b = IrInst.None, long imm = 0, bool word = false) =>
        new() { Op = op, Dst = dst, A = a, B = b, C = IrInst.None, Imm = imm, Word = word, Size = 8 };
}
