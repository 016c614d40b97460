using System.Runtime.InteropServices;
using Doppel.Core.Memory;
using Doppel.Jit.Abi;

namespace Doppel.RiscV.Translate;

/// <summary>One table of indirect jumps, with the cache of next pages behind it. Thread contract: the hart's own thread.</summary>
internal sealed unsafe class JumpTable : IDisposable
{
    private const ulong Empty = 1;
    private const int FilterLog2 = 14, EntriesOfPage = 4096 / 2;

    private readonly NextPageEntry* _nextPages;

    // A bit for each hash of a page that an entry may be for.
    private readonly ulong[] _filter = new ulong[(1 << FilterLog2) / 64];
    private int[] _filled = new int[256];
    private int _filledCount;
    private bool _hasNextPages = true;

    internal JumpTable()
    {
        Entries = (JumpCacheEntry*)NativeMemory.AlignedAlloc(JumpCacheEntry.CacheBytes + NextPageEntry.CacheBytes, 64);
        _nextPages = (NextPageEntry*)(Entries + JumpCacheEntry.Entries);
        for (int i = 0; i < JumpCacheEntry.Entries; i++) Entries[i] = new JumpCacheEntry { Address = EmptyAt(i) };
        Clear();
    }

    internal JumpCacheEntry* Entries { get; }

    internal void Fill(ulong address, nint code)
    {
        Note(address & SoftTlb.PageMask);
        JumpCacheEntry entry = new() { Code = code, Address = address };
        int first = IndexOf(address), other = OtherIndexOf(address);
        if (Entries[other].Address == address)
        {
            Entries[other] = entry;
            return;
        }
        // What is pushed out of its first place goes to its second.
        JumpCacheEntry before = Entries[first];
        if ((before.Address & 1) == 0 && before.Address != address && IndexOf(before.Address) == first) Put(OtherIndexOf(before.Address), before);
        Put(first, entry);
    }

    private void Put(int index, in JumpCacheEntry entry)
    {
        // Code stays where an address was dropped: the entry is listed already.
        if (Entries[index].Code == 0)
        {
            if (_filledCount == _filled.Length) Array.Resize(ref _filled, _filledCount * 2);
            _filled[_filledCount++] = index;
        }
        Entries[index] = entry;
    }

    internal nint Find(ulong address)
    {
        JumpCacheEntry* first = Entries + IndexOf(address), other = Entries + OtherIndexOf(address);
        return first->Address == address ? first->Code : other->Address == address ? other->Code : 0;
    }

    internal void Replace(nint before, nint now)
    {
        for (int i = 0; i < _filledCount; i++)
        {
            if (Entries[_filled[i]].Code == before) Entries[_filled[i]].Code = now;
        }
    }

    /// <summary>Drops what is for the page of an address.</summary>
    internal void Drop(ulong address)
    {
        ulong page = address & SoftTlb.PageMask;
        (int word, ulong bit) = FilterOf(page);
        if ((_filter[word] & bit) == 0) return;
        // The first places of a page stand in a row, and so do the second ones.
        DropRow(IndexOf(page), page);
        DropRow(OtherIndexOf(page), page);
        DropNextPage(page);
        DropNextPage(page - 4096);
    }

    internal void Clear()
    {
        for (int i = 0; i < _filledCount; i++) Entries[_filled[i]] = new JumpCacheEntry { Address = EmptyAt(_filled[i]) };
        _filledCount = 0;
        Array.Clear(_filter);
        if (!_hasNextPages) return;
        _hasNextPages = false;
        for (int i = 0; i < NextPageEntry.Entries; i++) _nextPages[i].CodePage = Empty;
    }

    internal void FillNextPage(ulong codePage, ulong next)
    {
        _hasNextPages = true;
        *NextPageOf(codePage) = new NextPageEntry { CodePage = codePage, Next = next };
        Note(codePage);
        Note(codePage + 4096);
    }

    /// <inheritdoc/>
    public void Dispose() => NativeMemory.AlignedFree(Entries);

    // An address that is odd, as the guest may compute one too before bit 0 is cleared, and whose places are elsewhere.
    private static ulong EmptyAt(int index) => ((ulong)(index ^ 1) << 1) | 1;

    private static int IndexOf(ulong address) => (int)(address & JumpCacheEntry.IndexMask) >> 1;

    private static int OtherIndexOf(ulong address) =>
        IndexOf(address ^ JumpCacheEntry.OtherAlways ^ ((address >> JumpCacheEntry.OtherShift) & JumpCacheEntry.OtherSometimes));

    private static (int Word, ulong Bit) FilterOf(ulong page)
    {
        // The golden ratio spreads neighbours.
        int hash = (int)(((page >> SoftTlb.PageBits) * 0x9E37_79B9_7F4A_7C15) >> (64 - FilterLog2));
        return (hash >> 6, 1UL << (hash & 63));
    }

    private void Note(ulong page)
    {
        (int word, ulong bit) = FilterOf(page);
        _filter[word] |= bit;
    }

    private void DropRow(int first, ulong page)
    {
        for (int i = first; i < first + EntriesOfPage; i++)
        {
            // Odd ones are empty already.
            if ((Entries[i].Address & (SoftTlb.PageMask | 1)) == page) Entries[i].Address = EmptyAt(i);
        }
    }

    private void DropNextPage(ulong codePage)
    {
        NextPageEntry* entry = NextPageOf(codePage);
        if (entry->CodePage == codePage) entry->CodePage = Empty;
    }

    private NextPageEntry* NextPageOf(ulong codePage) => _nextPages + ((int)(codePage >> SoftTlb.PageBits) & (NextPageEntry.Entries - 1));
}
