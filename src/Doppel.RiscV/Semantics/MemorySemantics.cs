using System.Runtime.CompilerServices;
using Doppel.Core.Memory;
using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;
using static Doppel.RiscV.Semantics.Flow;

namespace Doppel.RiscV.Semantics;

/// <summary>Loads and stores. The probe of the software TLB is the fast path; everything else, misaligned addresses too, is the MMU's.</summary>
internal static unsafe class MemorySemantics
{
    /// <summary>LB LH LW LD LBU LHU LWU: the type gives size and extension.</summary>
    internal static DecodedInstruction* Load<T>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        ulong va = Rs1(c, i) + (ulong)(long)i->Imm;
        SoftTlbEntry* entry = c->EntryOf(va);
        if ((va & (SoftTlb.PageMask | (ulong)(sizeof(T) - 1))) != entry->ReadTag) return LoadSlow<T>(c, i, va);
        return Write(c, i, (ulong)long.CreateTruncating(*(T*)((nint)va + entry->Addend)));
    }

    /// <summary>SB SH SW SD.</summary>
    internal static DecodedInstruction* Store<T>(HartContext* c, DecodedInstruction* i)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        ulong va = Rs1(c, i) + (ulong)(long)i->Imm;
        SoftTlbEntry* entry = c->EntryOf(va);
        if ((va & (SoftTlb.PageMask | (ulong)(sizeof(T) - 1))) != entry->WriteTag) return StoreSlow(c, i, va, sizeof(T), Rs2(c, i));
        *(T*)((nint)va + entry->Addend) = T.CreateTruncating(Rs2(c, i));
        return Next(i);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static DecodedInstruction* StoreSlow(HartContext* c, DecodedInstruction* i, ulong va, int size, ulong value) =>
        Hart.Of(c).Mmu.TryStore(va, size, value) ? NextOrLeave(c, i) : RaiseFault(c, i);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static DecodedInstruction* LoadSlow<T>(HartContext* c, DecodedInstruction* i, ulong va)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        if (!Hart.Of(c).Mmu.TryLoad(va, sizeof(T), out ulong value)) return RaiseFault(c, i);
        c->State.X[i->Rd] = (ulong)long.CreateTruncating(T.CreateTruncating(value));
        return NextOrLeave(c, i);
    }
}
