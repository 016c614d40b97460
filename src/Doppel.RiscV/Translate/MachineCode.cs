using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Doppel.Core.Diagnostics;
using Doppel.Core.Memory;
using Doppel.Jit.CodeCache;
using Doppel.Jit.Ir;
using Doppel.RiscV.Harts;

namespace Doppel.RiscV.Translate;

/// <summary>
/// The translations of a machine, which all its harts run. They are known by physical page and mode, and know neither the virtual address they
/// run at nor the hart. Thread contract: whoever holds <see cref="Gate"/>, outside generated code, except where a member says otherwise.
/// </summary>
internal sealed unsafe class MachineCode : IDisposable
{
    // Copies of pages, 4 KiB each, before those are looked for that can go.
    private const int ManyCopies = 4096;

    private readonly GuestMemory _memory;
    private readonly TranslationCache _cache;
    private readonly Lifter _lifter;
    private readonly RegionJobs _regions;
    private readonly JitOptions _options;
    private readonly TranslationObserver? _observer;
    private readonly Action<TranslatedPage, Memory<byte>> _copyPage;
    private readonly ConcurrentDictionary<ulong, TranslatedPage> _pages = new();
    private readonly List<TranslatedPage> _unsettled = [];
    private readonly Stack<TranslatedPage> _dropping = [];
    private readonly bool _shared;
    private uint _seenWrites;
    private int _unsettledCount, _manyUnsettled = ManyCopies;
    private long _drops;
    private int _users;

    internal MachineCode(RiscVPlatform platform, OptimiserThread optimiser, JitOptions options)
    {
        _memory = platform.Memory;
        _shared = platform.HartCount > 1;
        // Devices work on threads of their own where time is not counted, and order rings in memory by the guest's fences.
        bool ordered = _shared || !platform.Time.IsDeterministic;
        _options = options.Has(JitFeatures.Regions) ? options : options with { HotSamples = -1 };
        _observer = TranslationObserver.For(options);
        JitContext context;
        _cache = new TranslationCache(JitContext.DescribeLayout(&context, _shared, options), options.BoundedCacheBytes);
        _regions = new RegionJobs(_cache.Regions, (optimiser, ordered), options, _observer);
        _lifter = new Lifter(ordered, options);
        _copyPage = (page, copy) => BytesOf(page).CopyTo(copy.Span);
    }

    /// <summary>Orders the harts. Never waited for while in generated code.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>Any thread.</summary>
    internal CodeEpochs Epochs { get; } = new();

    internal JitOptions Options => _options;

    /// <summary>A table of jumps that holds nothing.</summary>
    internal JumpTable EmptyJumps { get; } = new();

    /// <summary>Function (context, code) that runs generated code. Any thread.</summary>
    internal nint EnterStub => _cache.Stubs.Enter;

    /// <summary>Number of times that pages were dropped. Any thread.</summary>
    internal long Drops => Volatile.Read(ref _drops);

    /// <summary>Counters so far, of all harts together. Any thread.</summary>
    internal TranslationStatistics Statistics => new()
    {
        Units = (ulong)_cache.Units,
        Regions = (ulong)_cache.OptimisedRegions,
        GuestInstructions = (ulong)_cache.GuestInstructions,
        CodeBytes = (ulong)_cache.Bytes,
        MetadataBytes = (ulong)(_cache.MetadataBytes + (Volatile.Read(ref _unsettledCount) * 4096L)),
        Links = (ulong)_cache.Links,
        CacheFlushes = (ulong)_cache.Flushes,
        OptimiseSeconds = _regions.Watch.Elapsed.TotalSeconds,
    };

    /// <summary>A hart will use the translations. Before the machine runs.</summary>
    internal void Add(JitContext* hart)
    {
        Epochs.Add(hart);
        _users++;
    }

    /// <summary>The page of a key, if it has been translated. Any thread, without the gate.</summary>
    internal bool TryFindPage(ulong key, [NotNullWhen(true)] out TranslatedPage? page) => _pages.TryGetValue(key, out page);

    /// <summary>Finds a page, or begins with it. False where there is nothing to read.</summary>
    internal bool TryGetPage(Hart hart, ulong gpa, int mode, [NotNullWhen(true)] out TranslatedPage? page)
    {
        ulong key = gpa | (uint)mode;
        if (_pages.TryGetValue(key, out page)) return true;
        if (!_memory.TryGetReadSpan(gpa, 4096, out ReadOnlySpan<byte> bytes)) return false;
        uint stamp = GuestMemory.Arm(_memory.StampOf(gpa));
        ulong arming = hart.StoresMustReport(gpa);
        page = new TranslatedPage(_cache.AddPage(key), gpa, mode, (stamp, arming));
        _pages[key] = page;
        if (!_shared) return true;
        _unsettled.Add(page);
        // Counted before the bytes are read: a hart that does not see the count has stored what it stored before them.
        Interlocked.Increment(ref _unsettledCount);
        page.Bytes = bytes.ToArray();
        if (_unsettled.Count >= _manyUnsettled) ForgetCopies(hart);
        return true;
    }

    /// <summary>Bytes that translations of a page are made of.</summary>
    internal ReadOnlySpan<byte> BytesOf(TranslatedPage page)
    {
        // Until all stores to the page report, only a copy is sure to be what staleness is decided by.
        if (page.Bytes is { } copy) return copy;
        _memory.TryGetReadSpan(page.Gpa, 4096, out ReadOnlySpan<byte> bytes);
        return bytes;
    }

    /// <summary>Makes the quick translation for an offset. There must be room.</summary>
    internal nint Compile(TranslatedPage page, int offset, (ushort Half, ulong Page) next)
    {
        ReadOnlySpan<byte> bytes = BytesOf(page);
        IrUnit unit = _lifter.Lift(bytes, offset, page.Mode, next, page.Code);
        nint code = _cache.Compile(unit, page.Code);
        _observer?.Add(page, offset, unit.GuestCount, (code, CodeOf(code, _cache.LastBytes)), ("quick", _observer.Describe([unit], bytes)));
        return code;
    }

    /// <summary>True when there may not be room for one more translation: <see cref="Restart"/>.</summary>
    internal bool IsFull => _cache.IsFull;

    /// <summary>Forgets everything, and waits until no hart runs any of it.</summary>
    internal void Restart()
    {
        _regions.Cancel();
        _cache.Flush();
        _pages.Clear();
        _unsettled.Clear();
        _manyUnsettled = ManyCopies;
        Volatile.Write(ref _unsettledCount, 0);
        Epochs.Advance();
    }

    /// <summary>Optimises what begins at an offset at once. False if there is no room.</summary>
    internal bool TryOptimiseNow(in RegionJobs.Request request, out nint code)
    {
        RegionJobs.Result? result = _regions.CompileNow(request, BytesOf(request.Page), _cache.NextRegionLink);
        code = result?.Region.Code ?? 0;
        if (result is null) return false;
        Publish(result);
        return true;
    }

    /// <summary>
    /// Makes code for no more than the first instructions at an offset, which nothing else will find: of a region if the offset has one. Zero if
    /// there is no room.
    /// </summary>
    internal nint CompilePrefix(in RegionJobs.Request request, int instructions)
    {
        TranslatedPage page = request.Page;
        if (!page.Code.HasRegion(request.Offset))
        {
            IrUnit unit = _lifter.Lift(BytesOf(page), request.Offset, page.Mode, request.Next, null, instructions);
            return _cache.Compile(unit, new CodePage(page.Code.Key));
        }
        _regions.Cancel();
        return _regions.CompilePrefix(request, BytesOf(page), _cache.NextRegionLink, instructions)?.Code ?? 0;
    }

    /// <summary>Notes that an offset was found running. True if it is time to ask for a region.</summary>
    internal bool Sample(TranslatedPage page, int offset)
    {
        if (page.Code.HasRegion(offset)) return false;
        return page.CountSample(offset) == _options.HotSamples;
    }

    /// <summary>Asks for a region.</summary>
    internal void Request(in RegionJobs.Request request)
    {
        if (!_regions.TryAdd(request)) request.Page.ForgetSamples(request.Offset);
    }

    /// <summary>Begins with regions that were asked for.</summary>
    internal void BeginRegions() => _regions.Begin(_cache.NextRegionLink, _copyPage);

    /// <summary>Lets the regions that are ready be entered, and hands over each with what it replaces.</summary>
    internal void CollectRegions(Action<nint, nint> replaced) => _regions.Collect(result =>
    {
        nint quick = Publish(result);
        if (quick != 0) replaced(quick, result.Region.Code);
    });

    /// <summary>Page and offset that an unlinked jump wants to go to, and whether only a quick translation will do.</summary>
    internal (CodePage Page, int Target, bool QuickOnly) TargetOf(int link) => _cache.TargetOf(link);

    /// <summary>Lets a jump go straight to its target's code.</summary>
    internal void LinkJump(int link, nint code)
    {
        if (_options.Has(JitFeatures.Chaining)) _cache.LinkJump(link, code);
    }

    /// <summary>Drops the pages that were written since they were translated: FENCE.I of a hart, on its thread, without the gate.</summary>
    /// <returns>Number of pages.</returns>
    internal int DropStale(Hart hart)
    {
        // What the hart stored before its fence must be visible to a hart that translates afterwards.
        if (_shared) Interlocked.MemoryBarrier();
        if (!_memory.HasCodeWritesSince(Volatile.Read(ref _seenWrites)) && Volatile.Read(ref _unsettledCount) == 0) return 0;
        lock (Gate)
        {
            hart.Group.Follow(hart);
            uint writes = _memory.CodeWrites;
            int dropped = !_memory.HasCodeWritesSince(_seenWrites) ? 0 : DropWhere(_pages.Select(static p => p.Value), IsStale);
            if (_unsettled.Count > 0) dropped += Settle(hart.Group.FindFollowed());
            // Not before: a hart that finds nothing to do goes on to run what is left.
            Volatile.Write(ref _seenWrites, writes);
            return dropped;
        }
    }

    /// <summary>Length and quality of the code at an address, for reports, where it was observed.</summary>
    internal (byte[] Code, string Quality) Describe(nint code)
    {
        (int bytes, string quality) = _observer?.Find(code) ?? default;
        return (CodeOf(code, bytes), quality);
    }

    /// <summary>A hart is done. The last one frees everything.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _users) > 0) return;
        _regions.Dispose();
        _cache.Dispose();
        EmptyJumps.Dispose();
    }

    private byte[] CodeOf(nint code, int length) => _cache.CodeFrom(code)[..length].ToArray();

    // A page that was dropped takes its regions with it, but their links keep their numbers.
    private nint Publish(RegionJobs.Result result)
    {
        CompiledRegion region = result.Region;
        nint quick = _cache.Publish(region, result.Page.Code);
        _observer?.Add(
            result.Page, region.EntryOffset, region.GuestCount, (region.Code, CodeOf(region.Code, region.Bytes)), ("region", result.Text));
        return quick;
    }

    private bool IsStale(TranslatedPage page) => Volatile.Read(ref Unsafe.AsRef<uint>(_memory.StampOf(page.Gpa))) != page.Armed.Stamp;

    // Stores of other harts through TLB entries from before a page was armed leave no stamp.
    private int Settle(ulong followed)
    {
        int dropped = DropWhere(_unsettled, page => !BytesAreSame(page));
        ForgetCopies(page => page.Armed.Number <= followed);
        return dropped;
    }

    // The guest may go on for ever without a fence. What has changed waits for it nevertheless.
    private void ForgetCopies(Hart hart)
    {
        hart.Group.Follow(hart);
        // Asked before any bytes are compared: what was stored unseen to a page that all have followed is visible.
        ulong followed = hart.Group.FindFollowed();
        ForgetCopies(page => page.Armed.Number <= followed && BytesAreSame(page));
        _manyUnsettled = Math.Max(ManyCopies, 2 * _unsettled.Count);
    }

    private void ForgetCopies(Predicate<TranslatedPage> isSettled)
    {
        foreach (TranslatedPage page in _unsettled)
        {
            if (isSettled(page)) page.Bytes = null;
        }
        _unsettled.RemoveAll(static page => page.Bytes is null || page.Code.IsDropped);
        Volatile.Write(ref _unsettledCount, _unsettled.Count);
    }

    private bool BytesAreSame(TranslatedPage page) =>
        page.Code.IsDropped || !_memory.TryGetReadSpan(page.Gpa, 4096, out ReadOnlySpan<byte> now) || now.SequenceEqual(page.Bytes);

    private int DropWhere(IEnumerable<TranslatedPage> pages, Func<TranslatedPage, bool> isStale)
    {
        List<TranslatedPage>? stale = null;
        foreach (TranslatedPage page in pages)
        {
            if (isStale(page)) (stale ??= []).Add(page);
        }
        if (stale is null) return 0;
        foreach (TranslatedPage page in stale) Drop(page);
        Volatile.Write(ref _drops, _drops + 1);
        return stale.Count;
    }

    // With the pages that it goes on from, and theirs: the guest may chain as many as it has, which no stack is deep enough for.
    private void Drop(TranslatedPage stale)
    {
        _dropping.Push(stale);
        while (_dropping.TryPop(out TranslatedPage? page))
        {
            if (page.Code.IsDropped) continue;
            _pages.TryRemove(page.Code.Key, out _);
            _cache.DropPage(page.Code);
            foreach (TranslatedPage before in page.Predecessors) _dropping.Push(before);
        }
    }
}
