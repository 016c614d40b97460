using Doppel.IsaTests.Common;
using Doppel.IsaTests.Streams;

namespace Doppel.IsaTests.Systems;

/// <summary>Runs random experiments on an oracle and on a subject, and makes a failing one small.</summary>
internal sealed class SystemDifferential(ISystemRunner oracle, ISystemRunner subject)
{
    private const int Worlds = 24;

    /// <summary>Compares experiments from one seed.</summary>
    /// <returns>Null, or the smallest failing experiment found and how it differs.</returns>
    internal string? Run(ulong seed, int count)
    {
        var rng = new Rng(seed);
        World[] worlds = [.. Enumerable.Range(0, Worlds).Select(i => new World(i, rng.Fork()))];
        var generator = new ExperimentGenerator(rng, worlds);
        Experiment[] experiments = [.. Enumerable.Range(0, count).Select(_ => generator.Next())];
        if (Compare(worlds, experiments) is not { } found) return null;
        string repeat = $"seed {seed} (set DOPPEL_ISA_SEED={seed} to repeat), experiment {found.Experiment}\n";
        if (found.Experiment < 0) return repeat + found.Difference;
        Experiment failing = experiments[found.Experiment];
        // Where it needs what ran before it, it is shown as it is.
        if (Compare(worlds, [failing]) is not { Experiment: 0 }) return $"{repeat}{failing}{found.Difference}\n  (not when run alone)";
        Experiment small = Shrink(worlds, failing);
        return $"{repeat}{small}{Compare(worlds, [small])?.Difference}";
    }

    private (int Experiment, string Difference)? Compare(World[] worlds, Experiment[] experiments)
    {
        var program = new SystemProgram(worlds, experiments);
        Task<byte[]> expected = Task.Run(() => oracle.Run(program));
        byte[] actual = subject.Run(program);
        return program.Compare(expected.GetAwaiter().GetResult(), actual);
    }

    private Experiment Shrink(World[] worlds, Experiment failing)
    {
        while (true)
        {
            Experiment? smaller = Enumerable.Range(0, failing.Body.Count)
                .Select(i => failing with { Body = [.. failing.Body.Take(i), .. failing.Body.Skip(i + 1)] })
                .FirstOrDefault(candidate => Compare(worlds, [candidate]) is { Experiment: 0 });
            if (smaller is null) return failing;
            failing = smaller;
        }
    }
}
