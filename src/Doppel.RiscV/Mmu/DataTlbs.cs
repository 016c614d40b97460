using Doppel.Core.Memory;
using Doppel.RiscV.Context;

namespace Doppel.RiscV.Mmu;

/// <summary>Ways in which data may be accessed; each has tables of its own.</summary>
internal enum DataWay
{
    User,
    SupervisorSum,
    Supervisor,
    Machine,
}

/// <summary>
/// The software TLBs of a hart: one for each way in which data may be accessed, so that a trap or a flip of SUM swaps a pointer and empties
/// nothing, and these for each of the address spaces that were used last. S-mode with SUM clear uses one table in all of them, as long as
/// it touches global pages only. Thread contract: the hart's own thread.
/// </summary>
internal sealed unsafe class DataTlbs(HartContext* context) : IDisposable
{
    private const int OfEachSpace = 2, FirstShared = AddressSpaces.Count * OfEachSpace;

    private readonly DataTlb?[] _tables = new DataTlb?[FirstShared + 2];

    // A bit for each hash of a physical page that some table may let be stored to: most pages that are armed never were.
    private readonly ulong[] _storable = new ulong[64];
    private DataTlb? _current, _withoutSum, _withSum;
    private bool _isSupervisorLocal;

    /// <summary>Makes the table for a way of access the one that code looks into.</summary>
    internal void Select(int space, DataWay way)
    {
        _current = Table(space, way);
        bool isSupervisor = way is DataWay.Supervisor or DataWay.SupervisorSum;
        _withoutSum = isSupervisor ? Table(space, DataWay.Supervisor) : _current;
        _withSum = isSupervisor ? Table(space, DataWay.SupervisorSum) : _current;
        Publish();
    }

    /// <summary>Enters a translation into the current table.</summary>
    internal void Fill(ulong va, in SoftTlbEntry entry, bool isGlobal)
    {
        // Generated code flips SUM by itself.
        if (_withSum != _withoutSum) _current = (context->State.Mstatus & Mstatus.Sum) != 0 ? _withSum : _withoutSum;
        if (_current == _tables[IndexOf(0, DataWay.Supervisor)] && !isGlobal) _isSupervisorLocal = true;
        if (entry.WriteTag != SoftTlb.Invalid) _storable[StorableWord(entry.Gpa)] |= StorableBit(entry.Gpa);
        SoftTlbEntry* before = _current!.Entries;
        *_current.Claim(va, context->Ticks) = entry;
        if (_current.Entries != before) Publish();
    }

    /// <summary>Makes stores to one physical page take the slow path again.</summary>
    internal void ForbidStores(ulong gpa)
    {
        if ((_storable[StorableWord(gpa)] & StorableBit(gpa)) == 0) return;
        foreach (DataTlb? table in _tables) table?.ForbidStores(gpa);
    }

    /// <summary>Makes the next store to the page of an address take the slow path again.</summary>
    internal void ForbidStoresAt(ulong va)
    {
        foreach (DataTlb? table in _tables) table?.ForbidStoresAt(va);
    }

    internal void Clear()
    {
        foreach (DataTlb? table in _tables) table?.Clear();
        Array.Clear(_storable);
        _isSupervisorLocal = false;
    }

    /// <summary>Empties what belongs to one address space.</summary>
    internal void Clear(int space)
    {
        for (int i = 0; i < OfEachSpace; i++) _tables[(space * OfEachSpace) + i]?.Clear();
        ClearLocal();
    }

    /// <summary>Empties what all address spaces share, if it holds anything that is not global.</summary>
    internal void ClearLocal()
    {
        if (_isSupervisorLocal) ClearSupervisor();
    }

    /// <summary>Empties what all address spaces share of S-mode.</summary>
    internal void ClearSupervisor()
    {
        _tables[IndexOf(0, DataWay.Supervisor)]?.Clear();
        _isSupervisorLocal = false;
    }

    /// <summary>Drops one page of all address spaces.</summary>
    internal void Drop(ulong va)
    {
        foreach (DataTlb? table in _tables) table?.Drop(va);
    }

    /// <summary>Drops one page of one address space.</summary>
    internal void Drop(int space, ulong va)
    {
        for (int i = 0; i < OfEachSpace; i++) _tables[(space * OfEachSpace) + i]?.Drop(va);
        _tables[IndexOf(space, DataWay.Supervisor)]?.Drop(va);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (DataTlb? table in _tables) table?.Dispose();
    }

    private static int IndexOf(int space, DataWay way) => way switch
    {
        DataWay.User or DataWay.SupervisorSum => (space * OfEachSpace) + (int)way,
        _ => FirstShared + (int)way - OfEachSpace,
    };

    private static int StorableWord(ulong gpa) => (int)(gpa >> 18) & 63;

    private static ulong StorableBit(ulong gpa) => 1UL << (int)((gpa >> 12) & 63);

    private DataTlb Table(int space, DataWay way) => _tables[IndexOf(space, way)] ??= new DataTlb();

    private void Publish()
    {
        context->Tlb = _current!.Entries;
        context->TlbOffsetMask = _current.OffsetMask;
        context->TlbOfSum[0] = (ulong)_withoutSum!.Entries;
        context->TlbOfSum[1] = _withoutSum.OffsetMask;
        context->TlbOfSum[2] = (ulong)_withSum!.Entries;
        context->TlbOfSum[3] = _withSum.OffsetMask;
    }
}
