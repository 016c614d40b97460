namespace Doppel.IsaTests.Oracle;

/// <summary>Something that executes a program of sequences.</summary>
internal interface IRunner
{
    RunResult Run(SequenceProgram program);
}

/// <summary>What a run left behind.</summary>
/// <param name="Blocks">The blocks of all sequences, or of those before the one that failed.</param>
/// <param name="FailedSequence">The sequence that did not reach its end, or -1.</param>
/// <param name="Failure">Why not.</param>
/// <param name="Instructions">Instructions executed in sequences, where the runner counts them.</param>
internal sealed record RunResult(byte[] Blocks, int FailedSequence = -1, string? Failure = null, long Instructions = 0);
