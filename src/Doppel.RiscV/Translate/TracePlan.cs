namespace Doppel.RiscV.Translate;

/// <summary>How far the straight lines of a region may go: not into each other, and not twice through the same instruction.</summary>
internal sealed class TracePlan
{
    private const int HalfWords = 2048;
    private readonly ulong[] _leaders = new ulong[HalfWords / 64];
    private readonly ulong[] _visited = new ulong[HalfWords / 64];
    private readonly Dictionary<int, Call?> _calls = [];
    private Call? _call;
    private bool _ends;

    /// <summary>False to expect no return anywhere.</summary>
    internal bool ExpectsReturns { get; init; } = true;

    /// <summary>Guest instructions that the next line may have.</summary>
    internal int MaxInstructions { get; set; }

    internal void Clear()
    {
        Array.Clear(_leaders);
        _calls.Clear();
    }

    /// <summary>Notes that a line begins at an offset.</summary>
    internal void AddLeader(int offset) => _leaders[offset >> 7] |= Bit(offset);

    internal bool IsLeader(int offset) => (_leaders[offset >> 7] & Bit(offset)) != 0;

    internal void BeginLine(int offset)
    {
        _call = _calls.GetValueOrDefault(offset);
        Array.Clear(_visited);
        _ends = false;
    }

    /// <summary>Notes a branch: behind one that leads back to a line of the region, this line ends.</summary>
    internal void NoteBranch(int offset, int target)
    {
        NoteJump(target);
        if (target >= 0 && target < HalfWords * 2 && target <= offset && IsLeader(target)) _ends = true;
    }

    /// <summary>Notes that a line may begin at an offset, inside the calls that this line is in.</summary>
    internal void NoteJump(int target) => _calls.TryAdd(target, _call);

    /// <summary>Notes that the line goes on in a function that was called.</summary>
    /// <param name="back">Offset at which the line goes on when the function returns.</param>
    internal void Calls(int back) => _call = new Call(back, _call);

    /// <summary>The line has come to a return: where to, if it goes back to a call that the line has come through.</summary>
    internal bool TryReturn(out int back)
    {
        back = _call?.Back ?? 0;
        if (_call is null || !ExpectsReturns) return false;
        _call = _call.Outer;
        return true;
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

    private sealed record Call(int Back, Call? Outer);

    private static ulong Bit(int offset) => 1UL << ((offset >> 1) & 63);
}
