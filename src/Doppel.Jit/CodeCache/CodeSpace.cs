using Doppel.Host;

namespace Doppel.Jit.CodeCache;

/// <summary>
/// Shares out the memory of a code cache in chunks: units take them from the bottom, regions from the top, and it is full when they meet.
/// Thread contract: any thread; <see cref="Clear"/> while nobody takes.
/// </summary>
internal sealed class CodeSpace(ExecutableMemory memory)
{
    /// <summary>Size of a chunk in bytes.</summary>
    internal const int Chunk = 256 << 10;

    private readonly Lock _gate = new();
    private int _bottom, _top = (int)memory.Length;

    internal ExecutableMemory Memory => memory;

    /// <summary>Moves the end of what units may fill by a chunk.</summary>
    /// <param name="end">The end, as an offset; where it was if there is no room.</param>
    internal bool TryGrowUnits(out int end)
    {
        lock (_gate)
        {
            bool fits = _bottom + Chunk <= _top;
            if (fits) _bottom += Chunk;
            end = _bottom;
            return fits;
        }
    }

    /// <summary>Takes a chunk for regions.</summary>
    /// <param name="start">Its offset.</param>
    internal bool TryTakeRegions(out int start)
    {
        lock (_gate)
        {
            bool fits = _bottom + Chunk <= _top;
            if (fits) _top -= Chunk;
            start = _top;
            return fits;
        }
    }

    /// <summary>Everything is free again.</summary>
    internal void Clear()
    {
        lock (_gate) (_bottom, _top) = (0, (int)memory.Length);
    }
}
