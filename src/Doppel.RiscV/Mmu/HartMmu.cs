using System.Runtime.CompilerServices;
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
    private readonly HartContext* _context;
    private readonly GuestMemory _memory;
    private readonly MmioBus _bus;
    private readonly PageWalker _walker;
    private readonly AddressSpaces _spaces = new();
    private readonly DataTlbs _data;
    private readonly FetchTlbs _fetch;
    private readonly LargePages _largePages = new();
    private StoreJournal? _journal;
    private uint _dataPrivilege;
    private bool _mxr;
    private ulong _mode;

    internal HartMmu(HartContext* context, GuestMemory memory, MmioBus bus)
    {
        _context = context;
        _memory = memory;
        _bus = bus;
        Pmp = new Pmp(context);
        _walker = new PageWalker(context, memory, Pmp);
        _data = new DataTlbs(context);
        _fetch = new FetchTlbs(context);
        EnterSpace();
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
        foreach (ulong va in addresses) _data.ForbidStoresAt(va);
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
        _dataPrivilege = data;
        DataWay supervisor = (status & Mstatus.Sum) != 0 ? DataWay.SupervisorSum : DataWay.Supervisor;
        _data.Select(_spaces.Current, data switch { 0 => DataWay.User, 1 => supervisor, _ => DataWay.Machine });
        _fetch.Select(_spaces.Current, privilege);
    }

    /// <summary>Number of the address space in use, below <see cref="AddressSpaces.Count"/>.</summary>
    internal int Space => _spaces.Current;

    /// <summary>Goes to the address space that satp names. What is known of others is kept until a fence ends it.</summary>
    internal void EnterSpace()
    {
        if (_spaces.Enter(_context->State.Satp)) ForgetSpace(_spaces.Current);
        _data.ClearLocal();
        _fetch.ClearLocal();
        Follower?.SpaceEntered();
        // A change of MODE takes effect at once, and what is global in one mode means nothing in another (privileged manual, 10.1.11).
        ulong mode = _context->State.Satp >> 60;
        if (mode != _mode) FlushSupervisor();
        _mode = mode;
        UpdateMode();
    }

    /// <summary>Empties all TLBs: SFENCE.VMA without operands, new PMP settings.</summary>
    internal void FlushAll()
    {
        _largePages.Clear();
        _walker.Forget();
        FlushData();
        FlushFetch();
    }

    /// <summary>Empties the TLBs for loads and stores.</summary>
    internal void FlushData() => _data.Clear();

    /// <summary>Forgets where page tables are, because memory was taken back to what it was.</summary>
    internal void ForgetTables() => _walker.Forget();

    /// <summary>Ends the translations of one address space that are not global: SFENCE.VMA with an ASID alone.</summary>
    internal void FlushSpace(ulong asid)
    {
        _walker.Forget();
        for (int space = 0; space < AddressSpaces.Count; space++)
        {
            if (_spaces.Has(space, asid)) ForgetSpace(space);
        }
    }

    /// <summary>Makes stores to one physical page take the slow path again.</summary>
    internal void ForbidStores(ulong gpa) => _data.ForbidStores(gpa);

    /// <summary>An engine that keeps translations of instruction addresses of its own.</summary>
    internal IFetchFollower? Follower { get; set; }

    /// <summary>Empties the TLBs of instruction pages: also whenever decoded pages are dropped.</summary>
    internal void FlushFetch()
    {
        Follower?.Flushed();
        FlushDecoded();
    }

    /// <summary>Forgets where decoded instructions are; what an engine keeps of instruction addresses stays.</summary>
    internal void FlushDecoded() => _fetch.Clear();

    /// <summary>Drops what the TLBs know of one page: SFENCE.VMA with an address.</summary>
    /// <param name="va">Address in the page.</param>
    /// <param name="asid">The one address space that is meant, or null for all.</param>
    internal void FlushPage(ulong va, ulong? asid)
    {
        // One fence ends all of a superpage, of which the TLBs hold an entry for each 4 KiB in use (privileged manual, 10.2.1).
        if (_largePages.MayHold(va))
        {
            FlushAll();
            return;
        }
        // What points to tables stays known: with an address the fence is for leaves only.
        if (asid is not { } number)
        {
            _data.Drop(va);
        }
        else
        {
            for (int space = 0; space < AddressSpaces.Count; space++)
            {
                if (_spaces.Has(space, number)) _data.Drop(space, va);
            }
        }
        _fetch.Drop(va);
        Follower?.PageFlushed(va);
    }

    /// <summary>Ends translations of a range of addresses: what another hart's fence asks for.</summary>
    /// <param name="start">First address.</param>
    /// <param name="size">Length in bytes; a range that is long, or reaches the end of the address space, is widened to all addresses.</param>
    /// <param name="asid">The one address space that is meant, or null for all.</param>
    internal void Fence(ulong start, ulong size, ulong? asid)
    {
        const ulong MostPages = 64;
        ulong first = start & SoftTlb.PageMask;
        if (size <= MostPages << SoftTlb.PageBits && start + size >= start)
        {
            for (ulong va = first; va - first < start - first + size; va += 1UL << SoftTlb.PageBits) FlushPage(va, asid);
        }
        else if (asid is { } number)
        {
            FlushSpace(number);
        }
        else
        {
            FlushAll();
        }
    }

    private void FlushSupervisor()
    {
        _data.ClearSupervisor();
        _fetch.ClearSupervisor();
        Follower?.SupervisorFlushed();
    }

    private void ForgetSpace(int space)
    {
        _data.Clear(space);
        _fetch.Clear(space);
        Follower?.SpaceFlushed(space);
    }

    /// <summary>Remembers where the decoded instructions of a page are, for the current mode.</summary>
    internal void FillFetch(ulong va, DecodedInstruction* instructions)
    {
        _fetch.Fill(va, instructions, IsLeafGlobal);
    }

    /// <summary>True if the last translation is the same in all address spaces.</summary>
    internal bool IsLeafGlobal { get; private set; }

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
        WalkRequest request = new(AccessType.Load, _dataPrivilege, IsSum, _mxr);
        if (!TryTranslate(va, request, size, out ulong pa, out AccessType allowed)) return false;
        if (_memory.TryTranslate(pa, (ulong)size, writable: false, out nint hva))
        {
            FillData(va, pa, hva, allowed, stored: false);
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
        WalkRequest request = new(AccessType.Store, _dataPrivilege, IsSum, _mxr);
        if (!TryTranslate(va, request, size, out ulong pa, out AccessType allowed)) return false;
        if (_memory.TryTranslate(pa, (ulong)size, writable: true, out nint hva))
        {
            _memory.Disarm(_memory.StampOf(pa));
            _journal?.Note(pa, hva, va);
            FillData(va, pa, hva, allowed, stored: true);
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
        WalkRequest request = new(access, _dataPrivilege, IsSum, _mxr);
        if (!TryTranslate(va, request, size, out pa, out AccessType allowed)) return false;
        bool store = access == AccessType.Store;
        if (!_memory.TryTranslate(pa, (ulong)size, store, out hva)) return Fault(access, access: true, va);
        if (store)
        {
            _memory.Disarm(_memory.StampOf(pa));
            _journal?.Note(pa, hva, va);
        }
        FillData(va, pa, hva, allowed, store);
        return true;
    }

    private bool TryHit(ulong va, AccessType access, out nint hva, out ulong pa)
    {
        SoftTlbEntry* entry = _context->EntryOf(va);
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
        _data.Dispose();
        _fetch.Dispose();
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

    private bool IsSum => (_context->State.Mstatus & Mstatus.Sum) != 0;

    private bool TryTranslate(ulong va, in WalkRequest request, int length, out ulong pa, out AccessType allowed)
    {
        if (request.Privilege == (uint)PrivilegeMode.Machine || _context->State.Satp >> 60 == 0)
        {
            pa = va;
            allowed = AccessType.Load | AccessType.Store;
            IsLeafGlobal = false;
        }
        else
        {
            WalkResult result = _walker.Walk(va, request, out pa, out allowed);
            IsLeafGlobal = _walker.IsLeafGlobal;
            if (result == WalkResult.Ok && _walker.LeafLevel > 0) _largePages.Note(va, 12 + (9 * _walker.LeafLevel));
            if (result != WalkResult.Ok) return Fault(request.Access, result == WalkResult.AccessFault, va);
        }
        return Pmp.Allows(pa, (ulong)length, request.Access, request.Privilege) || Fault(request.Access, access: true, va);
    }

    private void FillData(ulong va, ulong pa, nint hva, AccessType allowed, bool stored)
    {
        ulong page = pa & SoftTlb.PageMask;
        if (!Pmp.IsUniform(page)) return;
        ulong tag = va & SoftTlb.PageMask;
        bool writable = IsAllowed(page, allowed, AccessType.Store) && (_journal is null ? stored || IsQuietlyWritable(page) : stored && _journal.IsOpen);
        SoftTlbEntry entry = new()
        {
            ReadTag = IsAllowed(page, allowed, AccessType.Load) ? tag : SoftTlb.Invalid,
            WriteTag = writable && !_memory.Watches.CoversPage(page) ? tag : SoftTlb.Invalid,
            // Regions of memory begin and end with pages, so the whole page is where its part is.
            Addend = hva - (nint)va,
            Gpa = page,
        };
        _data.Fill(va, entry, IsLeafGlobal);
    }

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
        WalkRequest request = new(AccessType.Load, _dataPrivilege, IsSum, _mxr);
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
        WalkRequest request = new(AccessType.Store, _dataPrivilege, IsSum, _mxr);
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
