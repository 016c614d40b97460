using System.Runtime.CompilerServices;
using Doppel.Core.Memory;
using Doppel.RiscV.Context;
using Doppel.RiscV.Harts;

namespace Doppel.RiscV.Interpreter;

/// <summary>
/// The pages of code that a hart has met, by physical address. A page becomes stale when it is written, and is looked at again at the next
/// FENCE.I, as the manual has it ("Zifencei"): before that, old and new instructions are both allowed.
/// Thread contract: the hart's own thread.
/// </summary>
internal sealed unsafe class CodePageCache : IDisposable
{
    private readonly int _maxPages;
    private readonly Hart _hart;
    private readonly GuestMemory _memory;
    private readonly delegate*<HartContext*, DecodedInstruction*, DecodedInstruction*> _undecoded;
    private readonly delegate*<HartContext*, DecodedInstruction*, DecodedInstruction*> _pageEnd;
    private readonly Dictionary<ulong, CodePage> _pages = [];
    private readonly Stack<CodePage> _free = new();
    private uint _seenWrites;
    private bool _hasUnsettled;

    internal CodePageCache(Hart hart,
        delegate*<HartContext*, DecodedInstruction*, DecodedInstruction*> undecoded,
        delegate*<HartContext*, DecodedInstruction*, DecodedInstruction*> pageEnd,
        int maxPages)
    {
        _maxPages = maxPages;
        _hart = hart;
        _memory = hart.Platform.Memory;
        _undecoded = undecoded;
        _pageEnd = pageEnd;
    }

    /// <summary>Times that a page was dropped.</summary>
    internal ulong Invalidations { get; private set; }

    /// <summary>The decoded form of a page of RAM or ROM, or null where there is none.</summary>
    internal DecodedInstruction* Find(ulong pa)
    {
        ulong gpa = pa & SoftTlb.PageMask;
        if (_pages.TryGetValue(gpa, out CodePage? page)) return page.Instructions;
        if (!_memory.TryGetReadSpan(gpa, 4096, out ReadOnlySpan<byte> bytes)) return null;
        if (_pages.Count >= _maxPages) DropAll();
        page = _free.TryPop(out CodePage? reused) ? reused : new CodePage();
        page.Gpa = gpa;
        Arm(page);
        bytes.CopyTo(page.Bytes);
        Clear(page);
        _pages.Add(gpa, page);
        return page.Instructions;
    }

    /// <summary>FENCE.I: drops the pages whose bytes have changed since they were decoded.</summary>
    internal void Fence()
    {
        if (!_memory.HasCodeWritesSince(_seenWrites) && !_hasUnsettled) return;
        _seenWrites = _memory.CodeWrites;
        _hasUnsettled = false;
        _hart.Group.Follow(_hart);
        // Asked before any bytes are compared: what was stored unseen to a page that all have followed is visible.
        ulong followed = _hart.Group.FindFollowed();
        foreach (CodePage page in _pages.Values)
        {
            Refresh(page, followed);
            _hasUnsettled |= !page.IsSettled;
        }
    }

    /// <summary>Drops every page.</summary>
    internal void DropAll()
    {
        foreach (CodePage page in _pages.Values) _free.Push(page);
        Invalidations += (ulong)_pages.Count;
        _pages.Clear();
        _hart.Mmu.FlushDecoded();
    }

    public void Dispose()
    {
        foreach (CodePage page in _pages.Values.Concat(_free)) page.Dispose();
    }

    private void Refresh(CodePage page, ulong followed)
    {
        bool unwritten = Volatile.Read(ref Unsafe.AsRef<uint>(_memory.StampOf(page.Gpa))) == page.Stamp;
        if (unwritten && page.IsSettled) return;
        if (!_memory.TryGetReadSpan(page.Gpa, 4096, out ReadOnlySpan<byte> bytes)) return;
        if (unwritten && bytes.SequenceEqual(page.Bytes))
        {
            page.IsSettled = page.Arming <= followed;
            return;
        }
        // Armed before the bytes are compared: a store after this is noticed, one before it is seen.
        Arm(page);
        if (bytes.SequenceEqual(page.Bytes)) return;
        Invalidations++;
        bytes.CopyTo(page.Bytes);
        Clear(page);
    }

    private void Arm(CodePage page)
    {
        page.Stamp = GuestMemory.Arm(_memory.StampOf(page.Gpa));
        page.Arming = _hart.StoresMustReport(page.Gpa);
        page.IsSettled = _hart.Platform.HartCount == 1;
        _hasUnsettled |= !page.IsSettled;
    }

    private void Clear(CodePage page)
    {
        DecodedInstruction empty = new() { Execute = _undecoded, Length = 1 };
        DecodedInstruction end = new() { Execute = _pageEnd, Length = 1 };
        new Span<DecodedInstruction>(page.Instructions, 2048).Fill(empty);
        page.Instructions[2048] = end;
        page.Instructions[2049] = end;
    }
}
