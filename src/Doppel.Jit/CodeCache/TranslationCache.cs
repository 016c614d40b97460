using System.Runtime.CompilerServices;
using Doppel.Host;
using Doppel.Jit.Allocation;
using Doppel.Jit.Emit;
using Doppel.Jit.Ir;
using Doppel.Jit.X64;

namespace Doppel.Jit.CodeCache;

/// <summary>The translated units of one page of guest code in one mode. Direct links never leave a page, so a page is dropped as a whole.</summary>
internal sealed class CodePage(ulong key)
{
    private readonly Dictionary<int, nint> _units = [];
    private readonly Dictionary<int, nint> _regions = [];

    /// <summary>What the guest side knows the page by.</summary>
    internal ulong Key { get; } = key;

    /// <summary>True once its code must not be entered or linked any more.</summary>
    internal bool IsDropped { get; set; }

    /// <summary>Finds the code of a unit by its offset on the page.</summary>
    internal bool TryFind(int offset, out nint code) => _regions.TryGetValue(offset, out code) || _units.TryGetValue(offset, out code);

    internal bool TryFindQuick(int offset, out nint code) => _units.TryGetValue(offset, out code);

    internal bool HasRegion(int offset) => _regions.ContainsKey(offset);

    /// <summary>Links that go to the quick translation of an offset.</summary>
    internal Dictionary<int, List<int>> Incoming { get; } = [];

    internal void AddRegion(int offset, nint code) => _regions[offset] = code;

    internal void Add(int offset, nint code) => _units.Add(offset, code);
}

/// <summary>
/// Generated code: bump allocation in one reserved stretch of memory, emptied as a whole when it is full. Thread contract: the thread of
/// the vCPU that owns the cache, outside generated code.
/// </summary>
internal sealed unsafe class TranslationCache : IDisposable
{
    // No unit is longer: 64 guest instructions of the most expensive kind, with their cold code.
    private const int MaxUnitBytes = 64 * 1024;

    private readonly ExecutableMemory _memory;
    private readonly Assembler _assembler = new();
    private readonly UnitCompiler _compiler;
    private readonly Doppel.Jit.Regions.RegionCompiler _regionCompiler;
    private readonly List<Link> _links = [];
    private readonly Dictionary<ulong, CodePage> _pages = [];
    private readonly int _firstFree;
    private int _used;

    /// <summary>Reserves memory and emits the shared stubs.</summary>
    /// <param name="layout">Of the context that the code will work on.</param>
    /// <param name="bytes">Size, at least 256 KiB.</param>
    /// <exception cref="HostException">The host refuses the mapping.</exception>
    internal TranslationCache(ContextLayout layout, int bytes)
    {
        _memory = ExecutableMemory.Create("doppel-jit", (nuint)bytes);
        HomeMap homes = new(layout);
        _assembler.Begin(_memory.Writable, _memory.Executable, MaxUnitBytes);
        Stubs = Stubs.Emit(_assembler, layout, homes);
        _used = _firstFree = (Stubs.CodeBytes + 63) & ~63;
        _compiler = new UnitCompiler(_assembler, layout, homes, Stubs);
        _regionCompiler = new Doppel.Jit.Regions.RegionCompiler(_assembler, layout, Stubs);
    }

    internal Stubs Stubs { get; }

    /// <summary>Units compiled, bytes of code emitted, and times the cache was emptied, so far.</summary>
    internal long Units { get; private set; }

    internal long Bytes { get; private set; }

    internal long Flushes { get; private set; }

    internal long Links { get; private set; }

    /// <summary>True when there may not be room for one more unit: flush before compiling.</summary>
    internal bool IsFull => _used + MaxUnitBytes > (int)_memory.Length;

    /// <summary>The page of a key, or null.</summary>
    internal CodePage? FindPage(ulong key) => _pages.GetValueOrDefault(key);

    internal CodePage AddPage(ulong key) => _pages[key] = new CodePage(key);

    internal IEnumerable<CodePage> Pages => _pages.Values;

    internal void DropPage(CodePage page)
    {
        page.IsDropped = true;
        _pages.Remove(page.Key);
    }

    /// <summary>Forgets all units. Everybody who holds code addresses must forget them, too.</summary>
    internal void Flush()
    {
        foreach (CodePage page in _pages.Values) page.IsDropped = true;
        _pages.Clear();
        _links.Clear();
        _used = _firstFree;
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
        foreach (JumpSite jump in jumps) _links.Add(new Link(page, _used + jump.Site, jump.Target, jump.QuickOnly));
        _used = (_used + length + 15) & ~15;
        Units++;
        Bytes += length;
        page.Add(unit.EntryOffset, code);
        return code;
    }

    internal nint CompileRegion(IrRegion region, CodePage page)
    {
        nint code = _memory.Executable + _used;
        _assembler.Begin(_memory.Writable + _used, code, MaxUnitBytes);
        ReadOnlySpan<JumpSite> jumps = _regionCompiler.Compile(region, _links.Count);
        if (_assembler.Overflowed) return 0;
        int length = _assembler.Position;
        foreach (JumpSite jump in jumps) _links.Add(new Link(page, _used + jump.Site, jump.Target, jump.QuickOnly));
        _used = (_used + length + 15) & ~15;
        Units++;
        Bytes += length;
        int entry = region.Blocks[0].EntryOffset;
        page.AddRegion(entry, code);
        if (page.Incoming.Remove(entry, out List<int>? incoming))
        {
            foreach (int link in incoming) LinkJump(link, code);
        }
        return code;
    }

    /// <summary>Page and offset that an unlinked jump wants to go to.</summary>
    internal (CodePage Page, int Target, bool QuickOnly) TargetOf(int link) => (_links[link].Page, _links[link].Target, _links[link].QuickOnly);

    /// <summary>Lets a jump go straight to its target's code.</summary>
    internal void LinkJump(int link, nint code)
    {
        int site = _links[link].Site;
        int distance = (int)(code - (_memory.Executable + site + 4));
        // SAFETY: the site was recorded when the unit that contains it was emitted into this mapping, and is within one cache line.
        unsafe { Volatile.Write(ref Unsafe.AsRef<int>((void*)(_memory.Writable + site)), distance); }
        Links++;
        Link known = _links[link];
        if (known.QuickOnly || known.Page.HasRegion(known.Target)) return;
        if (!known.Page.Incoming.TryGetValue(known.Target, out List<int>? incoming)) known.Page.Incoming[known.Target] = incoming = [];
        incoming.Add(link);
    }

    /// <summary>Bytes of a unit's code, for dumps.</summary>
    internal ReadOnlySpan<byte> CodeFrom(nint code)
    {
        int offset = (int)(code - _memory.Executable);
        // SAFETY: offsets from the start of the mapping up to _used hold emitted code.
        unsafe { return new ReadOnlySpan<byte>((void*)(_memory.Writable + offset), _used - offset); }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private readonly record struct Link(CodePage Page, int Site, int Target, bool QuickOnly);
}
