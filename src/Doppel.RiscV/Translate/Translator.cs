using Doppel.Core.Diagnostics;
using Doppel.Core.Memory;
using Doppel.Core.Time;
using Doppel.Jit.CodeCache;
using Doppel.RiscV.Harts;

namespace Doppel.RiscV.Translate;

/// <summary>
/// Finds the translations that a hart runs, or has them made. The translations are the machine's; what is the hart's is where they stand at its
/// virtual addresses. Thread contract: the hart's own thread, outside generated code.
/// </summary>
internal sealed unsafe class Translator : IDisposable
{
    private readonly Hart _hart;
    private readonly JitContext* _context;
    private readonly GuestMemory _memory;
    private readonly MachineCode _machine;
    private readonly JumpCaches _jumps;
    private readonly FetchedPages _fetched;
    private readonly Action<nint, nint> _replace;
    private readonly bool _reports;
    private ulong _epoch;
    private long _seenDrops;

    internal Translator(Hart hart, JitContext* context, MachineCode machine)
    {
        _hart = hart;
        _context = context;
        _memory = hart.Platform.Memory;
        _machine = machine;
        _reports = hart.Context->State.Mhartid == 0;
        _jumps = new JumpCaches(context, machine.EmptyJumps) { IsOff = !machine.Options.Has(JitFeatures.JumpCache) };
        _fetched = new FetchedPages(hart, _jumps);
        _replace = _jumps.Replace;
        machine.Add(context);
    }

    /// <summary>Function (context, code) that runs generated code.</summary>
    internal nint EnterStub => _machine.EnterStub;

    internal ulong Invalidations { get; private set; }

    /// <summary>Measures the time that the hart waits for translations.</summary>
    internal HostStopwatch Watch { get; } = new();

    /// <summary>Counters so far: those of the machine are the first hart's. Any thread.</summary>
    internal TranslationStatistics Statistics =>
        (_reports ? _machine.Statistics : new TranslationStatistics()) with { TranslateSeconds = Watch.Elapsed.TotalSeconds };

    /// <summary>
    /// Finds or makes the code for an address in the current mode; it is to be entered next, or <see cref="Leave"/> called. Zero when the
    /// interpreter must run the instruction.
    /// </summary>
    internal nint Find(ulong pc)
    {
        int mode = CurrentMode;
        nint code;
        do
        {
            FollowEpoch();
            code = _jumps.Find(_fetched.TableOf(mode), pc);
            if (code == 0) code = FindOrMake(pc, mode);
        }
        while (code != 0 && !_machine.Epochs.TryEnter(_context, _epoch));
        return code;
    }

    /// <summary>
    /// Finds or makes the code that an unlinked jump wants, which the hart has just come from, and links the two; it is to be entered next. Zero
    /// when the page is gone.
    /// </summary>
    internal nint FindLinked(int link)
    {
        nint code;
        lock (_machine.Gate) code = FindTarget(link);
        return code != 0 && _machine.Epochs.TryEnter(_context, _epoch) ? code : 0;
    }

    /// <summary>The hart has left generated code, and will not return to where it was.</summary>
    internal void Leave() => CodeEpochs.Leave(_context);

    /// <summary>
    /// Notes where a slice of instructions has ended. Slices are of equal length, so what is found often is what runs most; it is handed to the
    /// optimiser, and what the optimiser has ready is taken over.
    /// </summary>
    internal void Sample(ulong pc)
    {
        // A sample more or less is not worth a wait.
        if (_machine.Options.HotSamples <= 0 || !_machine.Gate.TryEnter()) return;
        try
        {
            FollowEpoch();
            _machine.CollectRegions(_replace);
            _hart.Context->CodePage = pc & SoftTlb.PageMask;
            int offset = (int)(pc & 0xFFF);
            if (FindPage(pc, CurrentMode) is { } page && _machine.Sample(page, offset)) _machine.Request(RequestOf(page, offset));
            _machine.BeginRegions();
        }
        finally
        {
            _machine.Gate.Exit();
        }
    }

    /// <summary>An instruction that straddles two pages was interpreted: next time its translation may run.</summary>
    internal void Straddled(ulong codePage)
    {
        TranslatedPage? next = FindPage(codePage + 0x1000, CurrentMode);
        if (next is not null) _jumps.FillNextPage(_fetched.TableOf(next.Mode), codePage, next.Code.Key);
    }

    /// <summary>FENCE.I: drops the pages that were written since they were translated, and forgets those that other harts have dropped.</summary>
    internal void Fence()
    {
        Invalidations += (ulong)_machine.DropStale(_hart);
        long drops = _machine.Drops;
        if (drops == _seenDrops) return;
        _seenDrops = drops;
        _fetched.Flushed();
    }

    /// <summary>Host code that was found for an address, and its quality; for reports, where it was observed.</summary>
    internal (byte[] Code, string Quality) Describe(nint code)
    {
        lock (_machine.Gate) return _machine.Describe(code);
    }

    /// <summary>
    /// Makes code for no more than the first instructions at an address, which nothing else will find; it is to be entered next. Zero if there is
    /// no room.
    /// </summary>
    internal nint CompilePrefix(ulong pc, int instructions)
    {
        nint code;
        lock (_machine.Gate)
        {
            FollowEpoch();
            if (FindPage(pc, CurrentMode) is not { } page || _machine.IsFull) return 0;
            code = _machine.CompilePrefix(RequestOf(page, (int)(pc & 0xFFF)), instructions);
        }
        return code != 0 && _machine.Epochs.TryEnter(_context, _epoch) ? code : 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _jumps.Dispose();
        _machine.Dispose();
    }

    private int CurrentMode => _hart.Context->State.Privilege switch { 0 => 0, 1 => 1, _ => 2 };

    // Code of an older epoch is gone: nothing may be found any more that leads there.
    private void FollowEpoch()
    {
        ulong now = _machine.Epochs.Current;
        if (now == _epoch) return;
        _fetched.Flushed();
        _epoch = now;
    }

    private nint FindOrMake(ulong pc, int mode)
    {
        TranslatedPage? page = FindPage(pc, mode);
        if (page is null) return 0;
        int offset = (int)(pc & 0xFFF);
        if (!page.Code.TryFind(offset, out nint code))
        {
            lock (_machine.Gate) code = Make(page, offset, quickOnly: false);
        }
        _jumps.Fill(_fetched.TableOf(mode), pc, code);
        return code;
    }

    private nint FindTarget(int link)
    {
        // Links of an epoch that is over are others' now.
        if (_machine.Epochs.Current != _epoch) return 0;
        (CodePage codePage, int target, bool quickOnly) = _machine.TargetOf(link);
        if (codePage.IsDropped || !_machine.TryFindPage(codePage.Key, out TranslatedPage? page))
        {
            // Without a fence the hart may run what another has dropped, but none of its jumps will ever be linked.
            _fetched.Flushed();
            return 0;
        }
        ulong epoch = _epoch;
        nint code = Make(page, target, quickOnly);
        if (quickOnly) code = TranslationCache.BehindRedirection(code);
        if (_epoch == epoch) _machine.LinkJump(link, code);
        return code;
    }

    private TranslatedPage? FindPage(ulong pc, int mode)
    {
        if (_fetched.Find(pc, mode) is { Code.IsDropped: false } known) return known;
        if (!_hart.Mmu.TryTranslateFetch(pc, 2, out ulong pa) || !_hart.Mmu.IsFetchCacheable(pa)) return null;
        ulong gpa = pa & SoftTlb.PageMask;
        if (!_machine.TryFindPage(gpa | (uint)mode, out TranslatedPage? page))
        {
            lock (_machine.Gate)
            {
                if (!_machine.TryGetPage(_hart, gpa, mode, out page)) return null;
            }
        }
        _fetched.Add(pc, mode, page);
        return page;
    }

    // The gate is held.
    private nint Make(TranslatedPage page, int offset, bool quickOnly)
    {
        if (quickOnly ? page.Code.TryFindQuick(offset, out nint code) : page.Code.TryFind(offset, out code)) return code;
        Watch.Start();
        if (_machine.IsFull || page.Code.IsDropped) page = Again(page);
        if (_machine.Options.HotSamples != 0 || quickOnly || !_machine.TryOptimiseNow(RequestOf(page, offset), out code))
            code = _machine.Compile(page, offset, FindNext(page, _machine.BytesOf(page)));
        Watch.Stop();
        return code;
    }

    // The cache is full, or another hart has dropped the page since it was found.
    private TranslatedPage Again(TranslatedPage page)
    {
        if (_machine.IsFull)
        {
            _machine.Restart();
            FollowEpoch();
        }
        // The page was readable when it was added, and memory does not go away.
        _ = _machine.TryGetPage(_hart, page.Gpa, page.Mode, out TranslatedPage? again);
        return again!;
    }

    private RegionJobs.Request RequestOf(TranslatedPage page, int offset) => new(page, offset, FindNext(page, _machine.BytesOf(page)));

    // An instruction at the very end of the page may go on on the next one, which must then be watched as well. The gate is held.
    private (ushort Half, ulong Page) FindNext(TranslatedPage page, ReadOnlySpan<byte> bytes)
    {
        if ((bytes[0xFFE] & 3) != 3 || !_machine.Options.Has(JitFeatures.PageCrossing)) return default;
        ulong codePage = _hart.Context->CodePage;
        TranslatedPage? next = FindPage(codePage + 0x1000, page.Mode);
        if (next is null || next == page || !_memory.TryRead(next.Gpa, out ushort half)) return default;
        next.AddPredecessor(page);
        _jumps.FillNextPage(_fetched.TableOf(next.Mode), codePage, next.Code.Key);
        return (half, next.Code.Key);
    }
}
