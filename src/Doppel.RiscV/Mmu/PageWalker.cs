using System.Runtime.CompilerServices;
using Doppel.Core.Memory;
using Doppel.RiscV.Context;

namespace Doppel.RiscV.Mmu;

/// <summary>What a page walk found.</summary>
internal enum WalkResult
{
    Ok,
    PageFault,
    AccessFault,
}

/// <summary>The rights that a page walk is done with.</summary>
/// <param name="Access">What is wanted.</param>
/// <param name="Privilege">Effective privilege, after MPRV.</param>
/// <param name="Sum">S-mode may touch user pages.</param>
/// <param name="Mxr">Executable pages are readable.</param>
internal readonly record struct WalkRequest(AccessType Access, uint Privilege, bool Sum, bool Mxr);

/// <summary>The algorithm of the privileged manual, "Virtual Address Translation Process", for Sv39, Sv48 and Sv57.</summary>
internal sealed unsafe class PageWalker(HartContext* context, GuestMemory memory, Pmp pmp)
{
    private const ulong Valid = 1, Read = 2, Write = 4, Execute = 8, User = 16, Global = 32, Accessed = 64, Dirty = 128;
    private const ulong ReservedBits = 0x7FUL << 54, NapotBit = 1UL << 63, PbmtBits = 3UL << 61;
    private const ulong PpnMask = (1UL << 44) - 1;

    // Bits of an address below the part that one table of the last level serves.
    private const int LastTableBits = 21;

    private const int Known = 128;

    private readonly KnownTable[] _known = new KnownTable[Known];
    private uint _generation = 1;

    /// <summary>As of the MMU.</summary>
    internal StoreJournal? Journal { get; set; }

    /// <summary>Walks begun so far.</summary>
    internal ulong Walks { get; private set; }

    /// <summary>Level at which the last walk that succeeded found its page: zero for 4 KiB.</summary>
    internal int LeafLevel { get; private set; }

    /// <summary>True if what the last walk found is the same in all address spaces: its entry, or one that led to it, has G set.</summary>
    internal bool IsLeafGlobal { get; private set; }

    /// <summary>Forgets where tables are: a fence may have ended any of it.</summary>
    internal void Forget() => _generation++;

    /// <summary>Translates one address.</summary>
    /// <param name="va">Guest-virtual address.</param>
    /// <param name="request">Rights.</param>
    /// <param name="pa">Guest-physical address.</param>
    /// <param name="allowed">What the same mode may do with the page without another walk.</param>
    internal WalkResult Walk(ulong va, in WalkRequest request, out ulong pa, out AccessType allowed)
    {
        Walks++;
        pa = 0;
        allowed = AccessType.None;
        ulong satp = context->State.Satp;
        // Entries that point to tables may be kept like those of pages, until a fence (privileged manual, 10.2.1).
        ref KnownTable known = ref _known[(int)(va >> LastTableBits) & (Known - 1)];
        int level = 0;
        ulong table = known.Table;
        IsLeafGlobal = known.IsGlobal;
        if (known.Generation != _generation || known.Part != va >> LastTableBits || known.Satp != satp)
        {
            level = (int)(satp >> 60) - 6; // modes 8, 9, 10: Sv39, Sv48, Sv57
            int unused = 64 - (21 + (9 * level));
            if ((ulong)((long)(va << unused) >> unused) != va) return WalkResult.PageFault;
            table = (satp & PpnMask) << 12;
            IsLeafGlobal = false;
        }
        for (; level >= 0; level--)
        {
            ulong slot = table + (((va >> (12 + (9 * level))) & 0x1FF) << 3);
            if (!TryRead(slot, out nint hva, out ulong pte)) return WalkResult.AccessFault;
            if (!IsWellFormed(pte)) return WalkResult.PageFault;
            IsLeafGlobal |= (pte & Global) != 0;
            if ((pte & (Read | Execute)) != 0) return Finish(va, request, (slot, hva, pte, level), out pa, out allowed);
            // A, D, U and PBMT of a pointer are reserved.
            if ((pte & (Accessed | Dirty | User | PbmtBits | NapotBit)) != 0) return WalkResult.PageFault;
            table = ((pte >> 10) & PpnMask) << 12;
            if (level == 1) known = new() { Part = va >> LastTableBits, Satp = satp, Table = table, Generation = _generation, IsGlobal = IsLeafGlobal };
        }
        return WalkResult.PageFault;
    }

    private bool TryRead(ulong slot, out nint hva, out ulong pte)
    {
        pte = 0;
        hva = 0;
        if (!pmp.Allows(slot, 8, AccessType.Load, (uint)PrivilegeMode.Supervisor)) return false;
        if (!memory.TryTranslate(slot, 8, writable: false, out hva)) return false;
        // SAFETY: TryTranslate has shown that eight bytes at hva lie in guest memory; page-table slots are aligned, so the read is atomic.
        unsafe { pte = Volatile.Read(ref Unsafe.AsRef<ulong>((void*)hva)); }
        return true;
    }

    private bool IsWellFormed(ulong pte)
    {
        if ((pte & Valid) == 0 || (pte & (Read | Write)) == Write || (pte & (ReservedBits | NapotBit)) != 0) return false;
        // Svpbmt: the bits are reserved while menvcfg.PBMTE is clear, and the value 3 always is. All guest memory behaves as main memory.
        ulong memoryType = pte & PbmtBits;
        return memoryType == 0 || ((context->State.Menvcfg & Envcfg.Pbmte) != 0 && memoryType != PbmtBits);
    }

    private WalkResult Finish(ulong va, in WalkRequest request, (ulong Slot, nint Hva, ulong Pte, int Level) leaf, out ulong pa, out AccessType allowed)
    {
        pa = 0;
        allowed = AccessType.None;
        ulong pte = leaf.Pte;
        if (!IsPermitted(pte, request)) return WalkResult.PageFault;
        ulong ppn = (pte >> 10) & PpnMask;
        ulong low = (1UL << (9 * leaf.Level)) - 1;
        if ((ppn & low) != 0) return WalkResult.PageFault; // misaligned superpage
        ulong wanted = Accessed | (request.Access == AccessType.Store ? Dirty : 0);
        if ((pte & wanted) != wanted)
        {
            // Svadu: the hart updates A and D where menvcfg.ADUE says so; else it is Svade, and software does.
            if ((context->State.Menvcfg & Envcfg.Adue) == 0) return WalkResult.PageFault;
            if (!pmp.Allows(leaf.Slot, 8, AccessType.Store, (uint)PrivilegeMode.Supervisor)) return WalkResult.AccessFault;
            if (!memory.TryTranslate(leaf.Slot, 8, writable: true, out _)) return WalkResult.AccessFault;
            memory.MarkWritten(leaf.Slot, 8);
            Journal?.NoteWalker(leaf.Slot, leaf.Hva);
            ulong before;
            // SAFETY: leaf.Hva is the aligned host address of eight bytes of guest memory, as shown when the entry was read.
            unsafe { before = Interlocked.CompareExchange(ref Unsafe.AsRef<ulong>((void*)leaf.Hva), pte | wanted, pte); }
            if (before != pte) return Walk(va, request, out pa, out allowed); // somebody changed the entry: begin again, as the manual says
            pte |= wanted;
        }
        LeafLevel = leaf.Level;
        allowed = RightsOf(pte, request.Mxr);
        if ((pte & Dirty) == 0) allowed &= ~AccessType.Store;
        pa = (((ppn & ~low) | ((va >> 12) & low)) << 12) | (va & 0xFFF);
        return WalkResult.Ok;
    }

    private static bool IsPermitted(ulong pte, in WalkRequest request)
    {
        bool user = (pte & User) != 0;
        if (request.Privilege == (uint)PrivilegeMode.User)
        {
            if (!user) return false;
        }
        else if (user && (request.Access == AccessType.Fetch || !request.Sum))
        {
            return false;
        }
        return (RightsOf(pte, request.Mxr) & request.Access) != 0;
    }

    private static AccessType RightsOf(ulong pte, bool mxr)
    {
        if (mxr && (pte & Execute) != 0) pte |= Read;
        return (AccessType)(pte >> 1) & (AccessType.Load | AccessType.Store | AccessType.Fetch);
    }

    /// <summary>A table of the last level, found before.</summary>
    private struct KnownTable
    {
        internal ulong Part, Satp, Table;
        internal uint Generation;
        internal bool IsGlobal;
    }
}
