using System.Runtime.InteropServices;
using Doppel.Jit.Abi;

namespace Doppel.RiscV.Translate;

/// <summary>One table of indirect jumps, with the cache of next pages behind it. Thread contract: the hart's own thread.</summary>
internal sealed unsafe class JumpTable : IDisposable
{
    private const ulong Empty = 1;
    private readonly NextPageEntry* _nextPages;
    private readonly ulong[] _filter = new ulong[16];
    private int[] _filled = new int[256];
    private int _filledCount;
    private bool _hasNextPages = true;

    internal JumpTable()
    {
        Entries = (JumpCacheEntry*)NativeMemory.AlignedAlloc(JumpCacheEntry.CacheBytes + NextPageEntry.CacheBytes, 64);
        _nextPages = (NextPageEntry*)(Entries + JumpCacheEntry.Entries);
        for (int i = 0; i < JumpCacheEntry.Entries; i++) Entries[i].Address = Empty;
        Clear();
    }

    internal JumpCacheEntry* Entries { get; }

    internal void Fill(ulong address, nint code)
    {
        int index = IndexOf(address);
        JumpCacheEntry* entry = Entries + index;
        if (entry->Address == Empty)
        {
            if (_filledCount == _filled.Length) Array.Resize(ref _filled, _filledCount * 2);
            _filled[_filledCount++] = index;
        }
        *entry = new JumpCacheEntry { Code = code, Address = address };
        Note(address >> 12);
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

    /// <summary>False if no entry is for the page of this address.</summary>
    internal bool MayHold(ulong address)
    {
        ulong page = address >> 12;
        return (_filter[(page >> 6) & 15] & (1UL << (int)(page & 63))) != 0;
    }

    internal void Clear()
    {
        for (int i = 0; i < _filledCount; i++) Entries[_filled[i]].Address = Empty;
        _filledCount = 0;
        Array.Clear(_filter);
        if (!_hasNextPages) return;
        _hasNextPages = false;
        for (int i = 0; i < NextPageEntry.Entries; i++) _nextPages[i].CodePage = Empty;
    }

    internal void FillNextPage(ulong codePage, ulong next)
    {
        _hasNextPages = true;
        _nextPages[(int)(codePage >> 12) & (NextPageEntry.Entries - 1)] = new NextPageEntry { CodePage = codePage, Next = next };
        Note((codePage >> 12) + 1);
    }

    /// <inheritdoc/>
    public void Dispose() => NativeMemory.AlignedFree(Entries);

    private static int IndexOf(ulong address) => (int)(address & JumpCacheEntry.IndexMask) >> 1;

    private void Note(ulong page) => _filter[(page >> 6) & 15] |= 1UL << (int)(page & 63);
}
