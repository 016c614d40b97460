using Doppel.Core.Memory;

namespace Doppel.RiscV.Mmu;

/// <summary>
/// Keeps the pages that a hart stores to as they were, so that a run of instructions can be taken back and done again by another engine. A
/// page is kept before the first store of each run, which the TLBs make take the slow path. Thread contract: the hart's own thread, while no
/// other thread writes to guest memory.
/// </summary>
internal sealed unsafe class StoreJournal
{
    private readonly List<Page> _pages = [];
    private readonly Dictionary<ulong, Page> _known = [];
    private readonly List<ulong> _addresses = [];
    private readonly List<ulong> _walked = [];
    private int _count;

    /// <summary>True while stores are noted.</summary>
    internal bool IsOpen { get; private set; }

    /// <summary>True once a page walk of this run has changed a page table: what the TLBs hold hides that from a second run.</summary>
    internal bool HasWalkerWritten => _walked.Count > 0;

    /// <summary>Guest-virtual addresses, at least one for each page and way it was stored by.</summary>
    internal List<ulong> Addresses => _addresses;

    /// <summary>Begins with a new run.</summary>
    internal void Open()
    {
        IsOpen = true;
        _walked.Clear();
        _count = 0;
        _known.Clear();
        _addresses.Clear();
    }

    internal void Close() => IsOpen = false;

    /// <summary>A page of RAM is about to be stored to.</summary>
    /// <param name="gpa">Any address in it.</param>
    /// <param name="hva">The host address of that address.</param>
    /// <param name="va">The guest-virtual address that the store goes through.</param>
    internal void Note(ulong gpa, nint hva, ulong va)
    {
        if (!IsOpen) return;
        _addresses.Add(va);
        Keep(gpa & SoftTlb.PageMask, hva - (nint)(gpa & ~SoftTlb.PageMask));
    }

    /// <summary>A page walk is about to set bits of a page table.</summary>
    internal void NoteWalker(ulong gpa, nint hva)
    {
        if (!IsOpen) return;
        _walked.Add(gpa);
        Keep(gpa & SoftTlb.PageMask, hva - (nint)(gpa & ~SoftTlb.PageMask));
    }

    /// <summary>Remembers what the first run has made of the pages, and takes it back.</summary>
    internal void TakeBack()
    {
        for (int i = 0; i < _count; i++)
        {
            Page page = _pages[i];
            page.Memory.CopyTo(page.First);
            page.Before.CopyTo(page.Memory);
        }
    }

    /// <summary>Makes memory what it was when the journal was opened.</summary>
    internal void Rewind()
    {
        for (int i = 0; i < _count; i++) _pages[i].Before.CopyTo(_pages[i].Memory);
    }

    /// <summary>
    /// Lets the bits stay that page walks of the first run have set in page tables. A hart may set A for what it only tries, and the TLBs
    /// would not set it again.
    /// </summary>
    internal void KeepWalkerBits()
    {
        const ulong AccessedAndDirty = 0xC0;
        foreach (ulong gpa in _walked)
        {
            int at = (int)(gpa & ~SoftTlb.PageMask);
            Page page = _known[gpa & SoftTlb.PageMask];
            ulong first = BitConverter.ToUInt64(page.First, at), now = BitConverter.ToUInt64(page.Memory[at..]);
            if ((first | AccessedAndDirty) != (now | AccessedAndDirty)) continue;
            BitConverter.TryWriteBytes(page.Memory[at..], first | now);
            BitConverter.TryWriteBytes(page.First.AsSpan(at), first | now);
        }
    }

    /// <summary>The first double words that differ between the first run and memory as it is now: address, first, now.</summary>
    /// <param name="limit">Most that are listed.</param>
    internal IReadOnlyList<(ulong Gpa, ulong First, ulong Now)> Compare(int limit)
    {
        List<(ulong, ulong, ulong)>? differences = null;
        for (int i = 0; i < _count; i++)
        {
            Page page = _pages[i];
            if (page.Memory.SequenceEqual(page.First)) continue;
            differences ??= [];
            for (int at = 0; at < Page.Bytes && differences.Count < limit; at += 8)
            {
                ulong first = BitConverter.ToUInt64(page.First, at), now = BitConverter.ToUInt64(page.Memory[at..]);
                if (first != now) differences.Add((page.Gpa + (ulong)at, first, now));
            }
        }
        return differences ?? (IReadOnlyList<(ulong, ulong, ulong)>)[];
    }

    private void Keep(ulong gpa, nint hva)
    {
        if (_known.ContainsKey(gpa)) return;
        if (_count == _pages.Count) _pages.Add(new Page());
        Page page = _pages[_count++];
        page.Gpa = gpa;
        page.Hva = hva;
        page.Memory.CopyTo(page.Before);
        // A page that only the second run stores to: the first one has left it as it is.
        page.Memory.CopyTo(page.First);
        _known.Add(gpa, page);
    }

    private sealed class Page
    {
        internal const int Bytes = 4096;

        internal ulong Gpa { get; set; }

        internal nint Hva { get; set; }

        internal byte[] Before { get; } = new byte[Bytes];

        internal byte[] First { get; } = new byte[Bytes];

        internal Span<byte> Memory
        {
            get
            {
                // SAFETY: the MMU has named a page of guest RAM, which stays mapped as long as the hart lives.
                unsafe { return new Span<byte>((void*)Hva, Bytes); }
            }
        }
    }
}
