using Doppel.Core.Memory;
using Doppel.RiscV.Harts;
using Doppel.RiscV.Mmu;

namespace Doppel.RiscV.Translate;

/// <summary>
/// Translated pages by guest-virtual address, in the tables that <see cref="JumpCaches"/> has too, and what ends both. Thread contract: the
/// hart's own thread, outside generated code.
/// </summary>
internal sealed class FetchedPages : IFetchFollower
{
    private const int Entries = 512;

    private readonly Hart _hart;
    private readonly JumpCaches _jumps;
    private readonly Slot[]?[] _tables = new Slot[]?[JumpCaches.Tables];
    private bool _isSupervisorLocal;

    internal FetchedPages(Hart hart, JumpCaches jumps)
    {
        _hart = hart;
        _jumps = jumps;
        hart.Mmu.Follower = this;
        jumps.Select(hart.Mmu.Space);
    }

    /// <summary>Number of the tables of a mode in the current address space.</summary>
    internal int TableOf(int mode) => JumpCaches.TableOf(_hart.Mmu.Space, mode);

    /// <summary>The page at an address, if it is known.</summary>
    internal TranslatedPage? Find(ulong va, int mode)
    {
        ref Slot slot = ref SlotOf(TableOf(mode), va);
        // The tag is the page with its lowest bit set, so that an empty slot matches nothing.
        return slot.Tag == ((va & SoftTlb.PageMask) | 1) ? slot.Page : null;
    }

    /// <summary>Remembers the page at an address that the MMU has just translated.</summary>
    internal void Add(ulong va, int mode, TranslatedPage page)
    {
        if (mode == 1 && !_hart.Mmu.IsLeafGlobal) _isSupervisorLocal = true;
        SlotOf(TableOf(mode), va) = new Slot { Tag = (va & SoftTlb.PageMask) | 1, Page = page };
    }

    /// <inheritdoc/>
    public void Flushed()
    {
        foreach (Slot[]? slots in _tables)
        {
            if (slots is not null) Array.Clear(slots);
        }
        _jumps.Clear();
        _isSupervisorLocal = false;
    }

    /// <inheritdoc/>
    public void PageFlushed(ulong va)
    {
        foreach (Slot[]? slots in _tables)
        {
            if (slots is not null) slots[IndexOf(va)] = default;
        }
        _jumps.Drop(va);
    }

    /// <inheritdoc/>
    public void SpaceFlushed(int space)
    {
        Clear(JumpCaches.TableOf(space, 0));
        if (_isSupervisorLocal) SupervisorFlushed();
    }

    /// <inheritdoc/>
    public void SpaceEntered()
    {
        if (_isSupervisorLocal) SupervisorFlushed();
        _jumps.Select(_hart.Mmu.Space);
    }

    /// <inheritdoc/>
    public void SupervisorFlushed()
    {
        Clear(TableOf(1));
        _isSupervisorLocal = false;
    }

    private static int IndexOf(ulong va) => (int)(va >> SoftTlb.PageBits) & (Entries - 1);

    private ref Slot SlotOf(int table, ulong va) => ref (_tables[table] ??= new Slot[Entries])[IndexOf(va)];

    private void Clear(int table)
    {
        if (_tables[table] is { } slots) Array.Clear(slots);
        _jumps.Clear(table);
    }

    private struct Slot
    {
        internal ulong Tag;
        internal TranslatedPage? Page;
    }
}
