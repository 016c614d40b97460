using Doppel.RiscV.Decode;
using static Doppel.RiscV.Decode.InstructionFormat;

namespace Doppel.RiscV.Semantics;

/// <summary>Encodings and bodies of A.</summary>
internal static unsafe class AtomicTable
{
#pragma warning disable IDE0055 // One aligned row for each instruction.
    internal static InstructionRow[] Rows() =>
    [
        // A (unprivileged manual, chapter "A")
        new("lr.w",      0x1000202F, 0xF9F0707F, Amo,    &AtomicSemantics.Lr<int>),
        new("sc.w",      0x1800202F, 0xF800707F, Amo,    &AtomicSemantics.Sc<int>),
        new("amoswap.w", 0x0800202F, 0xF800707F, Amo,    &AtomicSemantics.Swap<int>),
        new("amoadd.w",  0x0000202F, 0xF800707F, Amo,    &AtomicSemantics.Add<int>),
        new("amoxor.w",  0x2000202F, 0xF800707F, Amo,    &AtomicSemantics.Xor<int>),
        new("amoand.w",  0x6000202F, 0xF800707F, Amo,    &AtomicSemantics.And<int>),
        new("amoor.w",   0x4000202F, 0xF800707F, Amo,    &AtomicSemantics.Or<int>),
        new("amomin.w",  0x8000202F, 0xF800707F, Amo,    &AtomicSemantics.Min<int>),
        new("amomax.w",  0xA000202F, 0xF800707F, Amo,    &AtomicSemantics.Max<int>),
        new("amominu.w", 0xC000202F, 0xF800707F, Amo,    &AtomicSemantics.Min<uint>),
        new("amomaxu.w", 0xE000202F, 0xF800707F, Amo,    &AtomicSemantics.Max<uint>),
        new("lr.d",      0x1000302F, 0xF9F0707F, Amo,    &AtomicSemantics.Lr<long>),
        new("sc.d",      0x1800302F, 0xF800707F, Amo,    &AtomicSemantics.Sc<long>),
        new("amoswap.d", 0x0800302F, 0xF800707F, Amo,    &AtomicSemantics.Swap<long>),
        new("amoadd.d",  0x0000302F, 0xF800707F, Amo,    &AtomicSemantics.Add<long>),
        new("amoxor.d",  0x2000302F, 0xF800707F, Amo,    &AtomicSemantics.Xor<long>),
        new("amoand.d",  0x6000302F, 0xF800707F, Amo,    &AtomicSemantics.And<long>),
        new("amoor.d",   0x4000302F, 0xF800707F, Amo,    &AtomicSemantics.Or<long>),
        new("amomin.d",  0x8000302F, 0xF800707F, Amo,    &AtomicSemantics.Min<long>),
        new("amomax.d",  0xA000302F, 0xF800707F, Amo,    &AtomicSemantics.Max<long>),
        new("amominu.d", 0xC000302F, 0xF800707F, Amo,    &AtomicSemantics.Min<ulong>),
        new("amomaxu.d", 0xE000302F, 0xF800707F, Amo,    &AtomicSemantics.Max<ulong>),
    ];
#pragma warning restore IDE0055
}
