using System.Globalization;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Devices.Fuzz;

/// <summary>Runs numbered cases from one printed seed: the same seed gives the same run. Set DOPPEL_FUZZ_SEED to try another.</summary>
internal sealed class FuzzSeed(ITestOutputHelper output)
{
    private readonly int _seed = int.Parse(Environment.GetEnvironmentVariable("DOPPEL_FUZZ_SEED") ?? "20261", CultureInfo.InvariantCulture);

    /// <summary>Runs the cases; a failure names seed and case.</summary>
    internal void Run(int cases, Action<Random> act)
    {
        output.WriteLine($"DOPPEL_FUZZ_SEED={_seed}, {cases} cases");
        Random random = new(_seed);
        for (int i = 0; i < cases; i++)
        {
            try
            {
                act(random);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Case {i} of seed {_seed} failed: {e.Message}", e);
            }
        }
    }
}
