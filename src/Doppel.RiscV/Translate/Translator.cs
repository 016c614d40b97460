using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Doppel.Core.Diagnostics;
using Doppel.Core.Memory;
using Doppel.Core.Time;
using Doppel.Jit.CodeCache;
using Doppel.Jit.Ir;
using Doppel.RiscV.Harts;

namespace Doppel.RiscV.Translate;

/// <summary>
/// Finds and makes the translations of one hart. They are known by physical page and mode, and know nothing of the virtual address they
/// run at, so that processes share them. Thread contract: the hart's own thread, outside generated code.
/// </summary>
internal sealed unsafe class Translator : IDisposable
{
    private readonly Hart _hart;
    private readonly GuestMemory _memory;
    private readonly TranslationCache _cache;
    private readonly Lifter _lifter;
    private readonly JumpCaches _jumps;
    private readonly Dictionary<ulong, TranslatedPage> _pages = [];
    private readonly FetchedPages _fetched;
    private readonly RegionJobs _regions;
    private readonly Action<TranslatedPage, Memory<byte>> _copyPage;
    private readonly Action<RegionJobs.Result> _publish;
    private readonly JitOptions _options;
    private readonly TranslationObserver? _observer;
    private readonly bool _shared;
    private uint _seenWrites;

    internal Translator(Hart hart, JitContext* context, OptimiserThread optimiser, JitOptions options)
    {
        _hart = hart;
        _memory = hart.Platform.Memory;
        _shared = hart.Platform.HartCount > 1;
        // Devices work on threads of their own where time is not counted, and order rings in memory by the guest's fences.
        bool ordered = _shared || !hart.Platform.Time.IsDeterministic;
        _options = options.Has(JitFeatures.Regions) ? options : options with { HotSamples = -1 };
        _observer = TranslationObserver.For(options);
        _cache = new TranslationCache(JitContext.DescribeLayout(context, _shared, options), options.CacheBytesOf(hart.Platform.HartCount));
        _regions = new RegionJobs(_cache.Regions, (optimiser, ordered), options, _observer);
        _copyPage = CopyPage;
        _publish = Publish;
        _lifter = new Lifter(ordered, options);
        _jumps = new JumpCaches(context) { IsOff = !options.Has(JitFeatures.JumpCache) };
        _fetched = new FetchedPages(hart, _jumps);
    }

    /// <summary>Function (context, code) that runs generated code.</summary>
    internal nint EnterStub => _cache.Stubs.Enter;

    internal TranslationCache Cache => _cache;

    internal ulong Invalidations { get; private set; }

    /// <summary>Measures the time that the hart waits for translations.</summary>
    internal HostStopwatch Watch { get; } = new();

    /// <summary>Counters so far. Any thread.</summary>
    internal TranslationStatistics Statistics => new()
    {
        Units = (ulong)_cache.Units,
        Regions = (ulong)_cache.OptimisedRegions,
        GuestInstructions = (ulong)_cache.GuestInstructions,
        CodeBytes = (ulong)_cache.Bytes,
        MetadataBytes = (ulong)_cache.MetadataBytes,
        Links = (ulong)_cache.Links,
        CacheFlushes = (ulong)_cache.Flushes,
        TranslateSeconds = Watch.Elapsed.TotalSeconds,
        OptimiseSeconds = _regions.Watch.Elapsed.TotalSeconds,
    };

    /// <summary>Finds or makes the code for an address in the current mode. Zero when the interpreter must run the instruction.</summary>
    internal nint Find(ulong pc)
    {
        int mode = CurrentMode;
        TranslatedPage? page = FindPage(pc, mode);
        if (page is null) return 0;
        nint code = FindUnit(page, (int)(pc & 0xFFF));
        _jumps.Fill(_fetched.TableOf(mode), pc, code);
        return code;
    }

    /// <summary>The code for an address in the current mode, if generated code would find it by itself; else zero.</summary>
    internal nint FindKnown(ulong pc) => _jumps.Find(_fetched.TableOf(CurrentMode), pc);

    /// <summary>Finds or makes the code that an unlinked jump wants, and links the two. Zero when the page is gone.</summary>
    internal nint FindLinked(int link)
    {
        (CodePage codePage, int target, bool quickOnly) = _cache.TargetOf(link);
        if (codePage.IsDropped || !_pages.TryGetValue(codePage.Key, out TranslatedPage? page)) return 0;
        long flushes = _cache.Flushes;
        nint code = FindUnit(page, target, quickOnly);
        if (quickOnly) code = TranslationCache.BehindRedirection(code);
        if (_cache.Flushes == flushes && _options.Has(JitFeatures.Chaining)) _cache.LinkJump(link, code);
        return code;
    }

    /// <summary>
    /// Notes where a slice of instructions has ended. Slices are of equal length, so what is found often is what runs most; it is handed to the
    /// optimiser, and what the optimiser has ready is taken over.
    /// </summary>
    internal void Sample(ulong pc)
    {
        if (_options.HotSamples <= 0) return;
        _regions.Collect(_publish);
        _hart.Context->CodePage = pc & SoftTlb.PageMask;
        int offset = (int)(pc & 0xFFF);
        if (FindPage(pc, CurrentMode) is { } page && !page.Code.HasRegion(offset))
        {
            ref int count = ref CollectionsMarshal.GetValueRefOrAddDefault(page.Samples, offset, out _);
            if (++count == _options.HotSamples && !_regions.TryAdd(RequestOf(page, offset))) count = 0;
        }
        _regions.Begin(_cache.NextRegionLink, _copyPage);
    }

    /// <summary>An instruction that straddles two pages was interpreted: next time its translation may run.</summary>
    internal void Straddled(ulong codePage)
    {
        TranslatedPage? next = FindPage(codePage + 0x1000, CurrentMode);
        if (next is not null) _jumps.FillNextPage(_fetched.TableOf(next.Mode), codePage, next.Code.Key);
    }

    /// <summary>FENCE.I: drops the pages that were written since they were translated.</summary>
    internal void Fence()
    {
        uint writes = _memory.CodeWrites;
        if (writes == _seenWrites && !_shared) return;
        _seenWrites = writes;
        List<TranslatedPage>? stale = null;
        foreach (TranslatedPage page in _pages.Values)
        {
            if (IsStale(page)) (stale ??= []).Add(page);
        }
        if (stale is null) return;
        foreach (TranslatedPage page in stale) Drop(page);
        Invalidations += (ulong)stale.Count;
        _fetched.Flushed();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _regions.Dispose();
        _jumps.Dispose();
        _cache.Dispose();
    }

    private int CurrentMode => _hart.Context->State.Privilege switch { 0 => 0, 1 => 1, _ => 2 };

    private TranslatedPage? FindPage(ulong pc, int mode)
    {
        if (_fetched.Find(pc, mode) is { } known) return known;
        if (!_hart.Mmu.TryTranslateFetch(pc, 2, out ulong pa) || !_hart.Mmu.IsFetchCacheable(pa)) return null;
        ulong gpa = pa & SoftTlb.PageMask;
        if (!_pages.TryGetValue(gpa | (uint)mode, out TranslatedPage? page) && !TryAddPage(gpa, mode, out page)) return null;
        _fetched.Add(pc, mode, page);
        return page;
    }

    private bool TryAddPage(ulong gpa, int mode, [NotNullWhen(true)] out TranslatedPage? page)
    {
        page = null;
        if (!_memory.TryGetReadSpan(gpa, 4096, out ReadOnlySpan<byte> bytes)) return false;
        uint stamp = GuestMemory.Arm(_memory.StampOf(gpa));
        _hart.StoresMustReport(gpa);
        ulong key = gpa | (uint)mode;
        page = new TranslatedPage(_cache.AddPage(key), gpa, mode, stamp, _shared ? bytes.ToArray() : null);
        _pages.Add(key, page);
        return true;
    }

    private nint FindUnit(TranslatedPage page, int offset, bool quickOnly = false)
    {
        if (quickOnly ? page.Code.TryFindQuick(offset, out nint code) : page.Code.TryFind(offset, out code)) return code;
        if (_cache.IsFull) page = Restart(page);
        if (_options.HotSamples == 0 && !quickOnly && TryOptimiseNow(page, offset, out code)) return code;
        _memory.TryGetReadSpan(page.Gpa, 4096, out ReadOnlySpan<byte> bytes);
        Watch.Start();
        IrUnit unit = _lifter.Lift(bytes, offset, page.Mode, FindNext(page, bytes));
        code = _cache.Compile(unit, page.Code);
        Watch.Stop();
        _observer?.Add(page, offset, unit.GuestCount, (code, CodeOf(code, _cache.LastBytes)), ("quick", _observer.Describe([unit], bytes)));
        return code;
    }

    private byte[] CodeOf(nint code, int length) => _cache.CodeFrom(code)[..length].ToArray();

    /// <summary>Host code that was found for an address, and its quality; for reports, where it was observed.</summary>
    internal (byte[] Code, string Quality) Describe(nint code)
    {
        (int bytes, string quality) = _observer?.Find(code) ?? default;
        return (CodeOf(code, bytes), quality);
    }

    /// <summary>
    /// Makes code for no more than the first instructions at an address, which nothing else will find: of a region if the address has one. Zero if
    /// there is no room.
    /// </summary>
    internal nint CompilePrefix(ulong pc, int instructions)
    {
        if (FindPage(pc, CurrentMode) is not { } page || _cache.IsFull) return 0;
        _memory.TryGetReadSpan(page.Gpa, 4096, out ReadOnlySpan<byte> bytes);
        int offset = (int)(pc & 0xFFF);
        if (page.Code.HasRegion(offset))
        {
            _regions.Cancel();
            return _regions.CompilePrefix(RequestOf(page, offset), bytes, _cache.NextRegionLink, instructions)?.Code ?? 0;
        }
        return _cache.Compile(_lifter.Lift(bytes, offset, page.Mode, FindNext(page, bytes), instructions), new CodePage(page.Code.Key));
    }

    private bool TryOptimiseNow(TranslatedPage page, int offset, out nint code)
    {
        _memory.TryGetReadSpan(page.Gpa, 4096, out ReadOnlySpan<byte> bytes);
        RegionJobs.Result? result = _regions.CompileNow(RequestOf(page, offset), bytes, _cache.NextRegionLink);
        code = result?.Region.Code ?? 0;
        if (result is null) return false;
        Publish(result);
        return true;
    }

    private RegionJobs.Request RequestOf(TranslatedPage page, int offset)
    {
        _memory.TryGetReadSpan(page.Gpa, 4096, out ReadOnlySpan<byte> bytes);
        return new RegionJobs.Request(page, offset, FindNext(page, bytes));
    }

    private void CopyPage(TranslatedPage page, Memory<byte> copy) => _memory.TryRead(page.Gpa, copy.Span);

    // A page that was dropped takes its regions with it, but their links keep their numbers.
    private void Publish(RegionJobs.Result result)
    {
        CompiledRegion region = result.Region;
        nint quick = _cache.Publish(region, result.Page.Code);
        if (quick != 0) _jumps.Replace(quick, region.Code);
        _observer?.Add(
            result.Page, region.EntryOffset, region.GuestCount, (region.Code, CodeOf(region.Code, region.Bytes)), ("region", result.Text));
    }

    // The cache is full: forget everything and begin again with the page at hand.
    private TranslatedPage Restart(TranslatedPage page)
    {
        _regions.Cancel();
        _cache.Flush();
        _pages.Clear();
        _fetched.Flushed();
        // The page was readable when it was added, and memory does not go away.
        _ = TryAddPage(page.Gpa, page.Mode, out TranslatedPage? again);
        return again!;
    }

    private bool IsStale(TranslatedPage page)
    {
        if (Volatile.Read(ref Unsafe.AsRef<uint>(_memory.StampOf(page.Gpa))) != page.Stamp) return true;
        // A store of another hart through a TLB entry from before the page was armed leaves no stamp.
        return page.Bytes is { } bytes && _memory.TryGetReadSpan(page.Gpa, 4096, out ReadOnlySpan<byte> now) && !now.SequenceEqual(bytes);
    }

    private void Drop(TranslatedPage page)
    {
        if (page.Code.IsDropped) return;
        _pages.Remove(page.Code.Key);
        _cache.DropPage(page.Code);
        foreach (TranslatedPage before in page.Predecessors) Drop(before);
    }

    // An instruction at the very end of the page may go on on the next one, which must then be watched as well.
    private (ushort Half, ulong Page) FindNext(TranslatedPage page, ReadOnlySpan<byte> bytes)
    {
        if ((bytes[0xFFE] & 3) != 3 || !_options.Has(JitFeatures.PageCrossing)) return default;
        ulong codePage = _hart.Context->CodePage;
        TranslatedPage? next = FindPage(codePage + 0x1000, page.Mode);
        if (next is null || next == page || !_memory.TryRead(next.Gpa, out ushort half)) return default;
        if (!next.Predecessors.Contains(page)) next.Predecessors.Add(page);
        _jumps.FillNextPage(_fetched.TableOf(next.Mode), codePage, next.Code.Key);
        return (half, next.Code.Key);
    }
}
