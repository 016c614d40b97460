using Doppel.IsaTests.Common;
using Doppel.IsaTests.Streams;

namespace Doppel.IsaTests.Oracle;

/// <summary>Runs random sequences on an oracle and on a subject until enough instructions are compared or one sequence differs.</summary>
internal sealed class Differential(IRunner oracle, IRunner subject)
{
    private const int BatchSize = 6_000;

    /// <summary>Instructions compared so far.</summary>
    internal long Instructions { get; private set; }

    /// <summary>Compares sequences from one seed.</summary>
    /// <returns>Null, or the smallest failing sequence found and how it differs.</returns>
    internal string? Run(ulong seed, long instructions)
    {
        var rng = new Rng(seed);
        while (Instructions < instructions)
        {
            Sequence[] batch = [.. Enumerable.Range(0, BatchSize).Select(_ => SequenceGenerator.Generate(rng.Fork()))];
            if (FindFailure(batch, out long executed) is { } failing) return Report(seed, new Shrinker(WhichFail).Shrink(failing));
            Instructions += executed;
        }
        return null;
    }

    private Sequence? FindFailure(Sequence[] batch, out long executed)
    {
        var program = new SequenceProgram(batch);
        // The two sides share nothing, so they may as well run at once.
        Task<RunResult> running = Task.Run(() => oracle.Run(program));
        RunResult actual = subject.Run(program);
        RunResult expected = running.GetAwaiter().GetResult();
        executed = actual.Instructions;
        if (actual.Failure is not null) return batch[actual.FailedSequence];
        int index = Enumerable.Range(0, batch.Length).FirstOrDefault(i => SequenceProgram.Compare(i, expected.Blocks, actual.Blocks) is not null, -1);
        return index < 0 ? null : batch[index];
    }

    // A subject that traps or hangs ends its run there: that candidate fails, and one is all the shrinker needs.
    private bool[] WhichFail(IReadOnlyList<Sequence> candidates)
    {
        var program = new SequenceProgram(candidates);
        RunResult actual = subject.Run(program);
        if (actual.Failure is not null) return [.. candidates.Select((_, i) => i == actual.FailedSequence)];
        byte[] expected = oracle.Run(program).Blocks;
        return [.. candidates.Select((_, i) => SequenceProgram.Compare(i, expected, actual.Blocks) is not null)];
    }

    private string Report(ulong seed, Sequence sequence)
    {
        var program = new SequenceProgram([sequence]);
        RunResult actual = subject.Run(program);
        string difference = actual.Failure ?? SequenceProgram.Compare(0, oracle.Run(program).Blocks, actual.Blocks) ?? "not when run alone";
        return $"seed {seed} (set DOPPEL_ISA_SEED={seed} to repeat)\n{sequence}{difference}";
    }
}
