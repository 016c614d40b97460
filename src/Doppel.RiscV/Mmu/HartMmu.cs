using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Doppel.Core.Bus;
using Doppel.Core.Memory;
using Doppel.RiscV.Context;

namespace Doppel.RiscV.Mmu;

/// <summary>
/// The memory side of a hart: translation, the TLBs and the slow path of every load and store. What goes wrong is left in
/// <see cref="HartContext.FaultCause"/> and <see cref="HartContext.FaultValue"/>. Thread contract: the hart's own thread only.
/// </summary>
internal sealed unsafe class HartMmu : IDisposable
{
    // One TLB for each way in which data may be accessed, so that a trap or a flip of SUM swaps a pointer and flushes nothing.
    private const int UserSet = 0, SupervisorSet = 1, SupervisorSumSet = 2, MachineSet = 3, DataSets = 4, FetchSets = 3;

    private readonly HartContext* _context;
    private readonly GuestMemory _memory;
    private readonly MmioBus _bus;
    private readonly PageWalker _walker;
    private readonly SoftTlbEntry* _data;
    private readonly FetchEntry* _fetch;
    private readonly LargePages _largePages = new();
    private StoreJournal? _journal;

    // A bit for each hash of a physical page that a data TLB may let be stored to: most pages that are armed never were.
    private readonly ulong[] _storable = new ulong[64];
    private int _usedDataSets = (1 << DataSets) - 1;
    private uint _dataPrivilege;
    private bool _sum, _mxr;

    internal HartMmu(HartContext* context, GuestMemory memory, MmioBus bus)
    {
        _context = context;
        _memory = memory;
        _bus = bus;
        Pmp = new Pmp(context);
        _walker = new PageWalker(context, memory, Pmp);
        _data = (SoftTlbEntry*)NativeMemory.AlignedAlloc((nuint)(DataSets * SoftTlb.Entries * sizeof(SoftTlbEntry)), 64);
        _fetch = (FetchEntry*)NativeMemory.AlignedAlloc((nuint)(FetchSets * HartContext.FetchEntries * sizeof(FetchEntry)), 64);
        FlushAll();
        UpdateMode();
    }

    internal Pmp Pmp { get; }

    /// <summary>
    /// Keeps what stores overwrite, where an engine is verified; else null. Nothing reaches a device while it is open. Set before the hart runs.
    /// </summary>
    internal StoreJournal? Journal
    {
        get => _journal;
        set => _journal = _walker.Journal = value;
    }

    /// <summary>Makes the next store to the page of each address take the slow path again.</summary>
    internal void ForbidStoresAt(List<ulong> addresses)
    {
        foreach (ulong va in addresses)
        {
            for (int set = 0; set < DataSets; set++) _data[(set * SoftTlb.Entries) + SoftTlb.IndexOf(va)].WriteTag = SoftTlb.Invalid;
        }
    }

    internal ulong PageWalks => _walker.Walks;

    /// <summary>Accesses that went to a device.</summary>
    internal ulong MmioAccesses { get; private set; }

    /// <summary>Points the context at the TLBs of the current mode. Called whenever privilege, mstatus or satp changed.</summary>
    internal void UpdateMode()
    {
        ulong status = _context->State.Mstatus;
        uint privilege = _context->State.Privilege;
        uint data = privilege;
        // MPRV: loads and stores happen as if in MPP (privileged manual, 3.1.6.3).
        if ((status & Mstatus.Mprv) != 0) data = (uint)((status & Mstatus.Mpp) >> Mstatus.MppShift);
        bool mxr = (status & Mstatus.Mxr) != 0;
        if (mxr != _mxr) FlushData();
        _mxr = mxr;
        _sum = (status & Mstatus.Sum) != 0;
        _dataPrivilege = data;
        int set = data switch { 0 => UserSet, 1 => _sum ? SupervisorSumSet : SupervisorSet, _ => MachineSet };
        _context->Tlb = _data + (set * SoftTlb.Entries);
        _usedDataSets |= 1 << set;
        _context->FetchTlb = _fetch + ((privilege == 3 ? 2 : (int)privilege) * HartContext.FetchEntries);
    }

    /// <summary>Empties all TLBs: SFENCE.VMA, a new satp, new PMP settings.</summary>
    internal void FlushAll()
    {
        _largePages.Clear();
        FlushData();
        FlushFetch();
    }

    /// <summary>Empties the TLBs for loads and stores.</summary>
    internal void FlushData()
    {
        // Only sets that were used since the last flush can hold anything.
        for (int set = 0; set < DataSets; set++)
        {
            if ((_usedDataSets & (1 << set)) == 0) continue;
            new Span<byte>(_data + (set * SoftTlb.Entries), SoftTlb.Entries * sizeof(SoftTlbEntry)).Fill(0xFF);
        }
        long current = _context->Tlb == null ? -1 : (_context->Tlb - _data) / SoftTlb.Entries;
        _usedDataSets = current < 0 ? (1 << DataSets) - 1 : 1 << (int)current;
        Array.Clear(_storable);
    }

    /// <summary>Makes stores to one physical page take the slow path again.</summary>
    internal void ForbidStores(ulong gpa)
    {
        if ((_storable[StorableWord(gpa)] & StorableBit(gpa)) == 0) return;
        for (int set = 0; set < DataSets; set++)
        {
            if ((_usedDataSets & (1 << set)) == 0) continue;
            foreach (ref SoftTlbEntry entry in new Span<SoftTlbEntry>(_data + (set * SoftTlb.Entries), SoftTlb.Entries))
            {
                if (entry.Gpa == gpa) entry.WriteTag = SoftTlb.Invalid;
            }
        }
    }

    /// <summary>Called when translations of instruction addresses end: of one page, or of all for null. An engine that keeps its own follows.</summary>
    internal Action<ulong?> FetchFlushed { get; set; } = static _ => { };

    /// <summary>Empties the TLBs of instruction pages: also whenever decoded pages are dropped.</summary>
    internal void FlushFetch()
    {
        new Span<byte>(_fetch, FetchSets * HartContext.FetchEntries * sizeof(FetchEntry)).Fill(0xFF);
        FetchFlushed(null);
    }

    /// <summary>Drops what the TLBs know of one page: SFENCE.VMA with an address.</summary>
    internal void FlushPage(ulong va)
    {
        // One fence ends all of a superpage, of which the TLBs hold an entry for each 4 KiB in use (privileged manual, 10.2.1).
        if (_largePages.MayHold(va))
        {
            FlushAll();
            return;
        }
        ulong page = va & SoftTlb.PageMask;
        for (int set = 0; set < DataSets; set++)
        {
            SoftTlbEntry* entry = _data + (set * SoftTlb.Entries) + SoftTlb.IndexOf(va);
            if (entry->ReadTag == page || entry->WriteTag == page) entry->ReadTag = entry->WriteTag = SoftTlb.Invalid;
        }
        for (int set = 0; set < FetchSets; set++)
        {
            FetchEntry* entry = _fetch + (set * HartContext.FetchEntries) + FetchIndex(va);
            if (entry->Tag == page) entry->Tag = SoftTlb.Invalid;
        }
        FetchFlushed(page);
    }

    /// <summary>Remembers where the decoded instructions of a page are, for the current mode.</summary>
    internal void FillFetch(ulong va, DecodedInstruction* instructions)
    {
        FetchEntry* entry = _context->FetchTlb + FetchIndex(va);
        entry->Tag = va & SoftTlb.PageMask;
        entry->Instructions = instructions;
    }

    /// <summary>Translates the address of an instruction.</summary>
    internal bool TryTranslateFetch(ulong va, int length, out ulong pa)
    {
        WalkRequest request = new(AccessType.Fetch, _context->State.Privilege, false, false);
        return TryTranslate(va, request, length, out pa, out _);
    }

    /// <summary>Reads an instruction that was fetched before, for tval. Zero where it is gone.</summary>
    internal uint PeekInstruction(ulong pc, int halves)
    {
        uint bits = 0;
        for (int i = 0; i < halves; i++)
        {
            if (!TryTranslateFetch(pc + (ulong)(2 * i), 2, out ulong pa) || !_memory.TryRead(pa, out ushort half)) return 0;
            bits |= (uint)half << (16 * i);
        }
        return bits;
    }

    /// <summary>True if the whole physical page answers alike to PMP, so that its instructions may be kept.</summary>
    internal bool IsFetchCacheable(ulong pa) => Pmp.IsUniform(pa & SoftTlb.PageMask);

    /// <summary>Loads 1, 2, 4 or 8 bytes, zero-extended, at any alignment.</summary>
    internal bool TryLoad(ulong va, int size, out ulong value)
    {
        if (((va ^ (va + (ulong)size - 1)) & SoftTlb.PageMask) != 0) return TryLoadAcross(va, size, out value);
        value = 0;
        WalkRequest request = new(AccessType.Load, _dataPrivilege, _sum, _mxr);
        if (!TryTranslate(va, request, size, out ulong pa, out AccessType allowed)) return false;
        if (_memory.TryTranslate(pa, (ulong)size, writable: false, out nint hva))
        {
            FillData(va, pa, allowed, stored: false);
            // SAFETY: TryTranslate has shown that size bytes at hva lie in guest memory.
            unsafe { value = ReadHost((byte*)hva, size); }
            return true;
        }
        if (_journal is { IsOpen: true }) return Fault(AccessType.Load, access: true, va);
        MmioAccesses++;
        return _bus.TryRead(pa, size, out value) || Fault(AccessType.Load, access: true, va);
    }

    /// <summary>Stores 1, 2, 4 or 8 bytes at any alignment.</summary>
    internal bool TryStore(ulong va, int size, ulong value)
    {
        if (((va ^ (va + (ulong)size - 1)) & SoftTlb.PageMask) != 0) return TryStoreAcross(va, size, value);
        WalkRequest request = new(AccessType.Store, _dataPrivilege, _sum, _mxr);
        if (!TryTranslate(va, request, size, out ulong pa, out AccessType allowed)) return false;
        if (_memory.TryTranslate(pa, (ulong)size, writable: true, out nint hva))
        {
            _memory.Disarm(_memory.StampOf(pa));
            _journal?.Note(pa, hva, va);
            FillData(va, pa, allowed, stored: true);
            // SAFETY: TryTranslate has shown that size bytes at hva lie in guest memory.
            unsafe { WriteHost((byte*)hva, size, value); }
            Stored(pa, size);
            return true;
        }
        if (_journal is { IsOpen: true }) return Fault(AccessType.Store, access: true, va);
        MmioAccesses++;
        return _bus.TryWrite(pa, size, value) || Fault(AccessType.Store, access: true, va);
    }

    /// <summary>Finds the host address of naturally aligned guest RAM for an atomic access or a cache block; faults where there is no RAM.</summary>
    internal bool TryGetAligned(ulong va, int size, AccessType access, out nint hva, out ulong pa)
    {
        if (TryHit(va, access, out hva, out pa)) return true;
        WalkRequest request = new(access, _dataPrivilege, _sum, _mxr);
        if (!TryTranslate(va, request, size, out pa, out AccessType allowed)) return false;
        bool store = access == AccessType.Store;
        if (!_memory.TryTranslate(pa, (ulong)size, store, out hva)) return Fault(access, access: true, va);
        if (store)
        {
            _memory.Disarm(_memory.StampOf(pa));
            _journal?.Note(pa, hva, va);
        }
        FillData(va, pa, allowed, store);
        return true;
    }

    private bool TryHit(ulong va, AccessType access, out nint hva, out ulong pa)
    {
        SoftTlbEntry* entry = _context->Tlb + SoftTlb.IndexOf(va);
        ulong page = va & SoftTlb.PageMask;
        hva = entry->Addend + (nint)va;
        pa = entry->Gpa + (va & ~SoftTlb.PageMask);
        return (access == AccessType.Store ? entry->WriteTag : entry->ReadTag) == page;
    }

    /// <summary>True if the board wants to know of stores to a page.</summary>
    internal bool ReportsStores(ulong pa) => _memory.Watches.CoversPage(pa);

    /// <summary>Tells the board of a store that went through the slow path, if it wants to know.</summary>
    internal void Stored(ulong pa, int size)
    {
        if (!_memory.Watches.IsEmpty) _memory.Watches.Report(pa, (ulong)size);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_data);
        NativeMemory.AlignedFree(_fetch);
    }

    /// <summary>Leaves a fault in the context. Always false.</summary>
    internal bool Fault(AccessType type, bool access, ulong va)
    {
        TrapCause cause = type switch
        {
            AccessType.Fetch => access ? TrapCause.InstructionAccessFault : TrapCause.InstructionPageFault,
            AccessType.Load => access ? TrapCause.LoadAccessFault : TrapCause.LoadPageFault,
            _ => access ? TrapCause.StoreAccessFault : TrapCause.StorePageFault,
        };
        _context->FaultCause = (ulong)cause;
        _context->FaultValue = va;
        return false;
    }

    private static int FetchIndex(ulong va) => (int)(va >> SoftTlb.PageBits) & (HartContext.FetchEntries - 1);

    private bool TryTranslate(ulong va, in WalkRequest request, int length, out ulong pa, out AccessType allowed)
    {
        if (request.Privilege == (uint)PrivilegeMode.Machine || _context->State.Satp >> 60 == 0)
        {
            pa = va;
            allowed = AccessType.Load | AccessType.Store;
        }
        else
        {
            WalkResult result = _walker.Walk(va, request, out pa, out allowed);
            if (result == WalkResult.Ok && _walker.LeafLevel > 0) _largePages.Note(va, 12 + (9 * _walker.LeafLevel));
            if (result != WalkResult.Ok) return Fault(request.Access, result == WalkResult.AccessFault, va);
        }
        return Pmp.Allows(pa, (ulong)length, request.Access, request.Privilege) || Fault(request.Access, access: true, va);
    }

    private void FillData(ulong va, ulong pa, AccessType allowed, bool stored)
    {
        ulong page = pa & SoftTlb.PageMask;
        if (!Pmp.IsUniform(page) || !_memory.TryTranslate(page, 4096, writable: false, out nint hva)) return;
        ulong tag = va & SoftTlb.PageMask;
        SoftTlbEntry* entry = _context->Tlb + SoftTlb.IndexOf(va);
        entry->ReadTag = IsAllowed(page, allowed, AccessType.Load) ? tag : SoftTlb.Invalid;
        bool writable = IsAllowed(page, allowed, AccessType.Store) && (_journal is null ? stored || IsQuietlyWritable(page) : stored && _journal.IsOpen);
        entry->WriteTag = writable && !_memory.Watches.CoversPage(page) ? tag : SoftTlb.Invalid;
        if (writable) _storable[StorableWord(page)] |= StorableBit(page);
        entry->Addend = hva - (nint)tag;
        entry->Gpa = page;
    }

    private static int StorableWord(ulong gpa) => (int)(gpa >> 18) & 63;

    private static ulong StorableBit(ulong gpa) => 1UL << (int)((gpa >> 12) & 63);

    private bool IsAllowed(ulong page, AccessType allowed, AccessType wanted) =>
        (allowed & wanted) != 0 && Pmp.Allows(page, 4096, wanted, _dataPrivilege);

    // The first store to a page of which an engine holds code must take the slow path.
    private bool IsQuietlyWritable(ulong page) =>
        (Volatile.Read(ref Unsafe.AsRef<uint>(_memory.StampOf(page))) & 1) == 0 && _memory.TryTranslate(page, 4096, writable: true, out _);

    private bool TryLoadAcross(ulong va, int size, out ulong value)
    {
        value = 0;
        // Both pages are checked before a byte is read, so that a device is not touched twice when the second page faults.
        int first = (int)(4096 - (va & 0xFFF));
        WalkRequest request = new(AccessType.Load, _dataPrivilege, _sum, _mxr);
        if (!TryTranslate(va, request, first, out _, out _)) return false;
        if (!TryTranslate(va + (ulong)first, request, size - first, out _, out _)) return false;
        for (int i = 0; i < size; i++)
        {
            if (!TryLoad(va + (ulong)i, 1, out ulong part)) return false;
            value |= part << (8 * i);
        }
        return true;
    }

    private bool TryStoreAcross(ulong va, int size, ulong value)
    {
        int first = (int)(4096 - (va & 0xFFF));
        WalkRequest request = new(AccessType.Store, _dataPrivilege, _sum, _mxr);
        if (!TryTranslate(va, request, first, out _, out _)) return false;
        if (!TryTranslate(va + (ulong)first, request, size - first, out _, out _)) return false;
        for (int i = 0; i < size; i++)
        {
            if (!TryStore(va + (ulong)i, 1, (value >> (8 * i)) & 0xFF)) return false;
        }
        return true;
    }

    private static ulong ReadHost(byte* hva, int size) => size switch
    {
        1 => *hva,
        2 => Unsafe.ReadUnaligned<ushort>(hva),
        4 => Unsafe.ReadUnaligned<uint>(hva),
        _ => Unsafe.ReadUnaligned<ulong>(hva),
    };

    private static void WriteHost(byte* hva, int size, ulong value)
    {
        switch (size)
        {
            case 1: *hva = (byte)value; break;
            case 2: Unsafe.WriteUnaligned(hva, (ushort)value); break;
            case 4: Unsafe.WriteUnaligned(hva, (uint)value); break;
            default: Unsafe.WriteUnaligned(hva, value); break;
        }
    }
}
