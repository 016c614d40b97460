using Doppel.Jit.Abi;

namespace Doppel.RiscV.Translate;

/// <summary>
/// The tables in which generated code looks up indirect jumps, one for each mode. Thread contract: the hart's own thread, outside
/// generated code.
/// </summary>
internal sealed unsafe class JumpCaches
{
    private const ulong Empty = 1;
    private readonly JitContext* _context;
    private readonly ulong[] _filter = new ulong[16];
    private int[] _filled = new int[256];
    private int _filledCount;

    /// <summary>True to let every lookup miss.</summary>
    internal bool IsOff { get; init; }

    internal JumpCaches(JitContext* context)
    {
        _context = context;
        JumpCacheEntry* entries = JitContext.JumpCacheOf(context, 0);
        for (int i = 0; i < JitContext.Modes * JumpCacheEntry.Entries; i++) entries[i].Address = Empty;
        ClearNextPages();
    }

    internal void Fill(int mode, ulong address, nint code)
    {
        if (IsOff) return;
        int index = (int)(address & JumpCacheEntry.IndexMask) >> 1;
        JumpCacheEntry* entry = JitContext.JumpCacheOf(_context, mode) + index;
        if (entry->Address == Empty)
        {
            if (_filledCount == _filled.Length) Array.Resize(ref _filled, _filledCount * 2);
            _filled[_filledCount++] = (mode * JumpCacheEntry.Entries) + index;
        }
        entry->Code = code;
        entry->Address = address;
        ulong page = address >> 12;
        _filter[(page >> 6) & 15] |= 1UL << (int)(page & 63);
    }

    internal nint Find(int mode, ulong address)
    {
        JumpCacheEntry* entry = JitContext.JumpCacheOf(_context, mode) + ((int)(address & JumpCacheEntry.IndexMask) >> 1);
        return entry->Address == address ? entry->Code : 0;
    }

    /// <summary>False if no entry of any mode is for the page of this address.</summary>
    internal bool MayHold(ulong address)
    {
        ulong page = address >> 12;
        return (_filter[(page >> 6) & 15] & (1UL << (int)(page & 63))) != 0;
    }

    /// <summary>Empties all tables, at a cost that goes with what they hold.</summary>
    internal void Clear()
    {
        JumpCacheEntry* entries = JitContext.JumpCacheOf(_context, 0);
        for (int i = 0; i < _filledCount; i++) entries[_filled[i]].Address = Empty;
        _filledCount = 0;
        Array.Clear(_filter);
        ClearNextPages();
    }

    /// <summary>Notes which physical page follows a page of code.</summary>
    internal void FillNextPage(ulong codePage, ulong next)
    {
        *(JitContext.NextPagesOf(_context) + ((int)(codePage >> 12) & (NextPageEntry.Entries - 1))) = new NextPageEntry { CodePage = codePage, Next = next };
        ulong page = (codePage >> 12) + 1;
        _filter[(page >> 6) & 15] |= 1UL << (int)(page & 63);
    }

    private void ClearNextPages()
    {
        NextPageEntry* entries = JitContext.NextPagesOf(_context);
        for (int i = 0; i < NextPageEntry.Entries; i++) entries[i].CodePage = Empty;
    }
}
