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
        for (int i = 0; i < JumpCacheEntry.Entries; i++) Entries[i] = new JumpCacheEntry { Address = Empty };
        Clear();
    }

    internal JumpCacheEntry* Entries { get; }

    internal void Fill(ulong address, nint code)
    {
        int index = IndexOf(address);
        JumpCacheEntry* entry = Entries + index;
        // Code stays where an address was dropped: the entry is listed already.
        if (entry->Code == 0)
        {
            if (_filledCount == _filled.Length) Array.Resize(ref _filled, _filledCount * 2);
            _filled[_filledCount++] = index;
        }
        *entry = new JumpCacheEntry { Code = code, Address = address };
        Note(address & SoftTlb.PageMask);
    }

    internal nint Find(ulong address)
    {
        JumpCacheEntry* entry = Entries + IndexOf(address);
        return entry->Address == address ? entry->Code : 0;
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
        // The entries of a page stand in a row.
        JumpCacheEntry* first = Entries + IndexOf(page);
        for (int i = 0; i < EntriesOfPage; i++)
        {
            if ((first[i].Address & SoftTlb.PageMask) == page) first[i].Address = Empty;
        }
        DropNextPage(page);
        DropNextPage(page - 4096);
    }

    internal void Clear()
    {
        for (int i = 0; i < _filledCount; i++) Entries[_filled[i]] = new JumpCacheEntry { Address = Empty };
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

    private static int IndexOf(ulong address) => (int)(address & JumpCacheEntry.IndexMask) >> 1;

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

    private void DropNextPage(ulong codePage)
    {
        NextPageEntry* entry = NextPageOf(codePage);
        if (entry->CodePage == codePage) entry->CodePage = Empty;
    }

    private NextPageEntry* NextPageOf(ulong codePage) => _nextPages + ((int)(codePage >> SoftTlb.PageBits) & (NextPageEntry.Entries - 1));
}
