using System.Runtime.CompilerServices;
using Doppel.Host;
using Doppel.Jit.Allocation;
using Doppel.Jit.Emit;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.CodeCache;

/// <summary>
/// Generated code: bump allocation in one reserved stretch of memory, emptied as a whole when it is full. Thread contract: one thread at a
/// time, while others may run what is there; <see cref="Regions"/> says for itself.
/// </summary>
internal sealed unsafe class TranslationCache : IDisposable
{
    // No unit is longer: 64 guest instructions of the most expensive kind, with their cold code.
    private const int MaxUnitBytes = 64 * 1024;

    private const int RedirectionBytes = 5;

    // A page with less code than this is paid for like one that has as much: the guest may run one instruction on each page that it has.
    private const int LeastPageBytes = 1024;

    // Links of regions are numbered from here, so that a region may be compiled while units are.
    private const int RegionLinks = 1 << 30;

    private readonly ExecutableMemory _memory;
    private readonly Assembler _assembler = new();
    private readonly UnitCompiler _compiler;
    private readonly LinkTable _links = new();
    private readonly LinkTable _regionLinks = new();
    private readonly Dictionary<ulong, CodePage> _pages = [];
    private readonly CodeSpace _space;
    private readonly int _firstFree, _maxPages;
    private int _used, _limit;

    /// <summary>Reserves memory and emits the shared stubs.</summary>
    /// <param name="layout">Of the context that the code will work on.</param>
    /// <param name="bytes">Size, at least 1 MiB.</param>
    /// <exception cref="HostException">The host refuses the mapping.</exception>
    internal TranslationCache(ContextLayout layout, int bytes)
    {
        _memory = ExecutableMemory.Create("doppel-jit", (nuint)bytes);
        _maxPages = bytes / LeastPageBytes;
        _space = new CodeSpace(_memory);
        HomeMap homes = new(layout);
        _assembler.Begin(_memory.Writable, _memory.Executable, MaxUnitBytes);
        Stubs = Stubs.Emit(_assembler, layout, homes);
        _used = _firstFree = (Stubs.CodeBytes + 63) & ~63;
        _compiler = new UnitCompiler(_assembler, layout, homes, Stubs);
        Regions = new RegionArea(_space, layout, Stubs);
    }

    internal Stubs Stubs { get; }

    /// <summary>Where regions are compiled.</summary>
    internal RegionArea Regions { get; }

    /// <summary>Units and regions compiled, bytes of code emitted, and times the cache was emptied, so far.</summary>
    internal long Units { get; private set; }

    internal long OptimisedRegions { get; private set; }

    internal long Bytes { get; private set; }

    internal long Flushes { get; private set; }

    /// <summary>Guest instructions in all units and regions compiled so far.</summary>
    internal long GuestInstructions { get; private set; }

    /// <summary>Memory that describes the translations there are now: an estimate, from any thread.</summary>
    internal long MetadataBytes => (_pages.Count * (long)CodePage.MetadataBytes) + ((_links.Count + _regionLinks.Count) * (long)LinkTable.LinkBytes);

    /// <summary>Length of the unit that was compiled last.</summary>
    internal int LastBytes { get; private set; }

    internal long Links { get; private set; }

    /// <summary>True when there may not be room for one more unit: flush before compiling.</summary>
    internal bool IsFull
    {
        get
        {
            while (_used + MaxUnitBytes > _limit)
            {
                if (!_space.TryGrowUnits(out _limit)) return true;
            }
            return _pages.Count >= _maxPages;
        }
    }

    /// <summary>Number that the next region's first jump will have.</summary>
    internal int NextRegionLink => RegionLinks + _regionLinks.Count;

    /// <summary>The page of a key, or null.</summary>
    internal CodePage? FindPage(ulong key) => _pages.GetValueOrDefault(key);

    internal CodePage AddPage(ulong key) => _pages[key] = new CodePage(key);

    internal IEnumerable<CodePage> Pages => _pages.Values;

    internal void DropPage(CodePage page)
    {
        page.IsDropped = true;
        _pages.Remove(page.Key);
    }

    /// <summary>
    /// Forgets everything. No region may be under way, everybody who holds code addresses must forget them, too, and nobody may run any of the
    /// code once something else is compiled.
    /// </summary>
    internal void Flush()
    {
        foreach (CodePage page in _pages.Values) page.IsDropped = true;
        _pages.Clear();
        _links.Clear();
        _regionLinks.Clear();
        _used = _firstFree;
        _limit = 0;
        _space.Clear();
        Regions.Clear();
        Flushes++;
    }

    /// <summary>Compiles a unit into a page. The cache must not be full.</summary>
    /// <returns>Address of the code.</returns>
    internal nint Compile(IrUnit unit, CodePage page)
    {
        nint code = _memory.Executable + _used;
        _assembler.Begin(_memory.Writable + _used, code, MaxUnitBytes);
        ReadOnlySpan<JumpSite> jumps = _compiler.Compile(unit, _links.Count);
        int length = _assembler.Position;
        foreach (JumpSite jump in jumps) _links.Add(page, _used + jump.Site, jump);
        _used = (_used + length + 7) & ~7;
        Units++;
        Bytes += length;
        GuestInstructions += unit.GuestCount;
        LastBytes = length;
        page.AddQuick(unit.EntryOffset, code);
        return code;
    }

    /// <summary>Lets a region be entered from now on: also by what is linked to the quick translation that it replaces.</summary>
    /// <returns>That translation, or zero.</returns>
    internal nint Publish(CompiledRegion region, CodePage page)
    {
        int start = (int)(region.Code - _memory.Executable);
        foreach (JumpSite jump in region.Jumps) _regionLinks.Add(page, start + jump.Site, jump);
        OptimisedRegions++;
        Bytes += region.Bytes;
        GuestInstructions += region.GuestCount;
        if (page.IsDropped || page.HasRegion(region.EntryOffset)) return 0;
        nint quick = page.AddRegion(region.EntryOffset, region.Code);
        if (quick != 0) Redirect(quick, region.Code);
        return quick;
    }

    /// <summary>Page and offset that an unlinked jump wants to go to, and whether only a quick translation will do.</summary>
    internal (CodePage Page, int Target, bool QuickOnly) TargetOf(int number)
    {
        ref readonly Link link = ref LinkOf(number);
        return (link.Page, link.Offset, link.QuickOnly);
    }

    /// <summary>Lets a jump go straight to its target's code.</summary>
    internal void LinkJump(int number, nint code)
    {
        ref readonly Link link = ref LinkOf(number);
        int distance = (int)(code - (_memory.Executable + link.Site + 4));
        // SAFETY: the site was recorded when the unit that contains it was emitted into this mapping, and where threads share the cache it lies
        // within eight aligned bytes.
        unsafe { Volatile.Write(ref Unsafe.AsRef<int>((void*)(_memory.Writable + link.Site)), distance); }
        Links++;
    }

    /// <summary>Where a quick translation begins after the jump that may lead away from it.</summary>
    internal static nint BehindRedirection(nint quick) => quick + RedirectionBytes;

    // Whoever knows the quick translation, by a link or a jump cache, comes to the region by its first instruction.
    private void Redirect(nint quick, nint code)
    {
        nint site = _memory.Writable + (quick - _memory.Executable);
        int distance = (int)(code - BehindRedirection(quick));
        // SAFETY: units begin at multiples of 8 with five bytes that do nothing; the store replaces these and keeps the three behind.
        unsafe
        {
            ref ulong first = ref Unsafe.AsRef<ulong>((void*)site);
            Volatile.Write(ref first, (first & ~0xFF_FFFF_FFFFUL) | 0xE9 | ((ulong)(uint)distance << 8));
        }
    }

    /// <summary>Bytes of a unit's code, for dumps.</summary>
    internal ReadOnlySpan<byte> CodeFrom(nint code)
    {
        int offset = (int)(code - _memory.Executable);
        // SAFETY: offsets from the start of the mapping up to its length are mapped, whatever they hold.
        unsafe { return new ReadOnlySpan<byte>((void*)(_memory.Writable + offset), (int)_memory.Length - offset); }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private ref readonly Link LinkOf(int number) => ref number >= RegionLinks ? ref _regionLinks[number - RegionLinks] : ref _links[number];
}
