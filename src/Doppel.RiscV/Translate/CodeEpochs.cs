namespace Doppel.RiscV.Translate;

/// <summary>
/// Tells when nobody runs generated code any more that was given up. Each time that the code cache is emptied a new epoch begins; a hart that
/// is in generated code says of which epoch it is, at no more cost than a store. Generated code is left within one slice of instructions.
/// Thread contract: the members say which.
/// </summary>
internal sealed unsafe class CodeEpochs
{
    /// <summary>What a hart says that is in no generated code.</summary>
    internal const ulong Outside = ulong.MaxValue;

    private readonly List<nint> _harts = [];
    private ulong _current;

    /// <summary>Number of the epoch. Any thread.</summary>
    internal ulong Current => Volatile.Read(ref _current);

    /// <summary>Adds a hart. Before the machine runs.</summary>
    internal void Add(JitContext* hart)
    {
        hart->CodeEpoch = Outside;
        _harts.Add((nint)hart);
    }

    /// <summary>A hart is about to enter code of an epoch, which it has looked up since it last asked for <see cref="Current"/>. Its own thread.</summary>
    /// <returns>False if that epoch is over: the hart may not enter.</returns>
    internal bool TryEnter(JitContext* hart, ulong epoch)
    {
        // No fence stands between the store and the load: Advance has one that counts for all threads.
        Volatile.Write(ref hart->CodeEpoch, epoch);
        if (Current == epoch) return true;
        Leave(hart);
        return false;
    }

    /// <summary>A hart is in no generated code, nor will return to it without <see cref="TryEnter"/>. Its own thread.</summary>
    internal static void Leave(JitContext* hart) => Volatile.Write(ref hart->CodeEpoch, Outside);

    /// <summary>
    /// Begins a new epoch and returns when no hart runs code of an older one. One thread at a time, outside generated code; harts that are in
    /// generated code need nothing of that thread in order to leave.
    /// </summary>
    internal void Advance()
    {
        Volatile.Write(ref _current, _current + 1);
        if (_harts.Count == 1) return;
        // After this, a hart whose entry is not seen below will see the new epoch, and not enter.
        Interlocked.MemoryBarrierProcessWide();
        SpinWait spin = default;
        foreach (nint address in _harts)
        {
            JitContext* hart = (JitContext*)address;
            while (Volatile.Read(ref hart->CodeEpoch) < _current) spin.SpinOnce();
        }
    }
}
