namespace Doppel.RiscV.Translate;

/// <summary>How far the straight lines of a region may go: not into each other, and not twice through the same instruction.</summary>
internal sealed class TracePlan
{
    private const int HalfWords = 2048;
    private readonly ulong[] _leaders = new ulong[HalfWords / 64];
    private readonly ulong[] _visited = new ulong[HalfWords / 64];
    private bool _ends;

    /// <summary>Guest instructions that the next line may have.</summary>
    internal int MaxInstructions { get; set; }

    internal void Clear() => Array.Clear(_leaders);

    /// <summary>Notes that a line begins at an offset.</summary>
    internal void AddLeader(int offset) => _leaders[offset >> 7] |= Bit(offset);

    internal bool IsLeader(int offset) => (_leaders[offset >> 7] & Bit(offset)) != 0;

    internal void BeginLine()
    {
        Array.Clear(_visited);
        _ends = false;
    }

    /// <summary>Notes a branch: behind one that leads back to a line of the region, this line ends.</summary>
    internal void NoteBranch(int offset, int target)
    {
        if (target >= 0 && target < HalfWords * 2 && target <= offset && IsLeader(target)) _ends = true;
    }

    /// <summary>True if the line may go on with the instruction at an offset.</summary>
    internal bool TryPass(int offset, int count)
    {
        if (_ends || (count > 0 && IsLeader(offset)) || (_visited[offset >> 7] & Bit(offset)) != 0) return false;
        _visited[offset >> 7] |= Bit(offset);
        return true;
    }

    /// <summary>True if the line may go on at a jump's target.</summary>
    internal bool MayFollow(int target) => (target & 1) == 0 && !IsLeader(target) && (_visited[target >> 7] & Bit(target)) == 0;

    private static ulong Bit(int offset) => 1UL << ((offset >> 1) & 63);
}
