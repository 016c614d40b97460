using System.Runtime.InteropServices;
using Doppel.Core.Memory;
using Doppel.RiscV.Context;

namespace Doppel.RiscV.Mmu;

/// <summary>
/// The interpreter's TLBs of instruction pages: one for U-mode in each address space, one for S-mode, which lasts while it holds global pages
/// only, and one for M-mode. Thread contract: the hart's own thread.
/// </summary>
internal sealed unsafe class FetchTlbs : IDisposable
{
    private const int Supervisor = AddressSpaces.Count, Machine = Supervisor + 1, Tables = Machine + 1;

    private readonly HartContext* _context;
    private readonly FetchEntry* _entries;

    // A bit for each table that may hold something.
    private int _used = (1 << Tables) - 1;
    private int _current;
    private bool _isSupervisorLocal;

    internal FetchTlbs(HartContext* context)
    {
        _context = context;
        _entries = (FetchEntry*)NativeMemory.AlignedAlloc((nuint)(Tables * HartContext.FetchEntries * sizeof(FetchEntry)), 64);
        Clear();
    }

    internal void Select(int space, uint privilege)
    {
        _current = privilege switch { 0 => space, 1 => Supervisor, _ => Machine };
        _context->FetchTlb = TableAt(_current);
    }

    internal void Fill(ulong va, DecodedInstruction* instructions, bool isGlobal)
    {
        _used |= 1 << _current;
        if (_current == Supervisor && !isGlobal) _isSupervisorLocal = true;
        *(_context->FetchTlb + IndexOf(va)) = new FetchEntry { Tag = va & SoftTlb.PageMask, Instructions = instructions };
    }

    internal void Clear()
    {
        for (int i = 0; i < Tables; i++) ClearTable(i);
        _isSupervisorLocal = false;
    }

    /// <summary>Empties what belongs to one address space.</summary>
    internal void Clear(int space)
    {
        ClearTable(space);
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
        ClearTable(Supervisor);
        _isSupervisorLocal = false;
    }

    /// <summary>Drops one page.</summary>
    internal void Drop(ulong va)
    {
        for (int i = 0; i < Tables; i++)
        {
            FetchEntry* entry = TableAt(i) + IndexOf(va);
            if (entry->Tag == (va & SoftTlb.PageMask)) entry->Tag = SoftTlb.Invalid;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => NativeMemory.AlignedFree(_entries);

    private static int IndexOf(ulong va) => (int)(va >> SoftTlb.PageBits) & (HartContext.FetchEntries - 1);

    private FetchEntry* TableAt(int number) => _entries + (number * HartContext.FetchEntries);

    private void ClearTable(int number)
    {
        if ((_used & (1 << number)) == 0) return;
        new Span<byte>(TableAt(number), HartContext.FetchEntries * sizeof(FetchEntry)).Fill(0xFF);
        _used &= ~(1 << number);
    }
}
