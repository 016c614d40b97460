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

    private readonly CodeSpace _space;
    private readonly Assembler _assembler = new();
    private readonly RegionCompiler _compiler;
    private int _used, _end;

    internal RegionArea(CodeSpace space, ContextLayout layout, Stubs stubs)
    {
        _space = space;
        _compiler = new RegionCompiler(_assembler, layout, stubs);
    }

    internal void Clear() => _used = _end = 0;

    /// <summary>Compiles a region; null if it is too long, or there is no room.</summary>
    /// <param name="region">What to compile.</param>
    /// <param name="firstLink">Number that its first jump will have.</param>
    internal CompiledRegion? Compile(IrRegion region, int firstLink)
    {
        if (_used + MaxRegionBytes > _end)
        {
            if (!_space.TryTakeRegions(out int start)) return null;
            (_used, _end) = (start, start + CodeSpace.Chunk);
        }
        nint code = _space.Memory.Executable + _used;
        _assembler.Begin(_space.Memory.Writable + _used, code, MaxRegionBytes);
        JumpSite[] jumps = _compiler.Compile(region, firstLink).ToArray();
        if (_assembler.Overflowed) return null;
        int bytes = _assembler.Position;
        _used = (_used + bytes + 15) & ~15;
        return new CompiledRegion(region.Blocks[0].EntryOffset, code, bytes, region.GuestCount, jumps);
    }
}
