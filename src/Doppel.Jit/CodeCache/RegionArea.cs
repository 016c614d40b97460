using Doppel.Host;
using Doppel.Jit.Emit;
using Doppel.Jit.Ir;
using Doppel.Jit.Regions;
using Doppel.Jit.X64;

namespace Doppel.Jit.CodeCache;

/// <summary>A region that was compiled and that nobody enters yet.</summary>
/// <param name="EntryOffset">Offset of its entry on the code page.</param>
/// <param name="Code">Address of its code.</param>
/// <param name="Bytes">Length of its code.</param>
/// <param name="GuestCount">Guest instructions in it.</param>
/// <param name="Jumps">Jumps that can be linked; sites are offsets from <paramref name="Code"/>.</param>
internal sealed record CompiledRegion(int EntryOffset, nint Code, int Bytes, int GuestCount, JumpSite[] Jumps);

/// <summary>
/// The part of a code cache that optimised regions go to. It has a compiler of its own, so that another thread may fill it while the
/// owner of the cache runs and translates. Thread contract: one thread at a time; <see cref="Clear"/> while nobody compiles.
/// </summary>
internal sealed class RegionArea
{
    private const int MaxRegionBytes = 128 * 1024;

    private readonly ExecutableMemory _memory;
    private readonly Assembler _assembler = new();
    private readonly RegionCompiler _compiler;
    private readonly int _first;
    private int _used;

    internal RegionArea(ExecutableMemory memory, int first, ContextLayout layout, Stubs stubs)
    {
        _memory = memory;
        _first = _used = first;
        _compiler = new RegionCompiler(_assembler, layout, stubs);
    }

    /// <summary>True when there may not be room for one more region.</summary>
    internal bool IsFull => _used + MaxRegionBytes > (int)_memory.Length;

    internal void Clear() => _used = _first;

    /// <summary>Compiles a region; null if it is too long. The area must not be full.</summary>
    /// <param name="region">What to compile.</param>
    /// <param name="firstLink">Number that its first jump will have.</param>
    internal CompiledRegion? Compile(IrRegion region, int firstLink)
    {
        nint code = _memory.Executable + _used;
        _assembler.Begin(_memory.Writable + _used, code, MaxRegionBytes);
        JumpSite[] jumps = _compiler.Compile(region, firstLink).ToArray();
        if (_assembler.Overflowed) return null;
        int bytes = _assembler.Position;
        _used = (_used + bytes + 15) & ~15;
        return new CompiledRegion(region.Blocks[0].EntryOffset, code, bytes, region.GuestCount, jumps);
    }
}
