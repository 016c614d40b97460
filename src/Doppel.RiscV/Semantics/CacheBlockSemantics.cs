using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;
using Doppel.RiscV.Mmu;
using static Doppel.RiscV.Semantics.Flow;

namespace Doppel.RiscV.Semantics;

/// <summary>
/// Zicbom and Zicboz with blocks of 64 bytes. Guest memory is coherent, so the management instructions only check what they must check
/// (CMO manual, "Cache-Block Management Instructions" and "Zero").
/// </summary>
internal static unsafe class CacheBlockSemantics
{
    /// <summary>Bytes in a cache block; the device tree says so too.</summary>
    internal const int BlockSize = 64;

    internal static DecodedInstruction* CboInval(HartContext* c, DecodedInstruction* i) =>
        IsEnabled(c, Envcfg.Cbie) ? Manage(c, i) : Illegal(c, i);

    internal static DecodedInstruction* CboClean(HartContext* c, DecodedInstruction* i) =>
        IsEnabled(c, Envcfg.Cbcfe) ? Manage(c, i) : Illegal(c, i);

    internal static DecodedInstruction* CboZero(HartContext* c, DecodedInstruction* i)
    {
        if (!IsEnabled(c, Envcfg.Cbze)) return Illegal(c, i);
        ulong block = Rs1(c, i) & ~(ulong)(BlockSize - 1);
        if (!Hart.Of(c).Mmu.TryGetAligned(block, BlockSize, AccessType.Store, out nint hva, out _)) return RaiseAt(c, i);
        // SAFETY: the MMU has shown that the aligned block at hva lies in writable guest memory.
        unsafe { new Span<byte>((void*)hva, BlockSize).Clear(); }
        return Next(i);
    }

    // A management instruction is permitted where a load or a store is, and reports faults as a store.
    private static DecodedInstruction* Manage(HartContext* c, DecodedInstruction* i)
    {
        ulong block = Rs1(c, i) & ~(ulong)(BlockSize - 1);
        HartMmu mmu = Hart.Of(c).Mmu;
        if (mmu.TryGetAligned(block, BlockSize, AccessType.Load, out _, out _)) return Next(i);
        return mmu.TryGetAligned(block, BlockSize, AccessType.Store, out _, out _) ? Next(i) : RaiseAt(c, i);
    }

    // tval is the address in rs1 as it was given.
    private static DecodedInstruction* RaiseAt(HartContext* c, DecodedInstruction* i)
    {
        c->FaultValue = Rs1(c, i);
        return RaiseFault(c, i);
    }

    private static bool IsEnabled(HartContext* c, ulong field)
    {
        uint privilege = c->State.Privilege;
        if (privilege == (uint)PrivilegeMode.Machine) return true;
        if ((c->State.Menvcfg & field) == 0) return false;
        return privilege == (uint)PrivilegeMode.Supervisor || (c->State.Senvcfg & field) != 0;
    }
}
