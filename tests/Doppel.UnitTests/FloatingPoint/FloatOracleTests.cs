using System.Globalization;

namespace Doppel.UnitTests.FloatingPoint;

/// <summary>The instructions of F and D, result and flags, against the outside oracle: the bare functions and the interpreter's bodies.</summary>
public sealed class FloatOracleTests
{
    private const int BatchSize = 1 << 18;

    [OracleFact]
    public void FloatInstructions_CornerValuesInAllCombinations_MatchOracle()
    {
        using FloatOracle oracle = new();
        long compared = 0;
        foreach (FloatCase[] batch in FloatCaseGenerator.Combinations().Chunk(BatchSize))
        {
            Compare(oracle, batch, "corner values");
            compared += batch.Length;
        }

        Assert.True(compared > 1_000_000, $"only {compared} cases");
    }

    [OracleFact]
    public void FloatInstructions_RandomOperands_MatchOracle()
    {
        const int CasesPerInstruction = 25_000;
        string? wanted = Environment.GetEnvironmentVariable("DOPPEL_TEST_SEED");
        int seed = wanted is null ? 20_260_101 : int.Parse(wanted, CultureInfo.InvariantCulture);
        FloatCaseGenerator generator = new(seed);
        using FloatOracle oracle = new();
        IEnumerable<FloatCase> cases = Enumerable.Range(0, FloatOperation.All.Length * CasesPerInstruction)
            .Select(i => generator.Next(i % FloatOperation.All.Length));
        foreach (FloatCase[] batch in cases.Chunk(BatchSize)) Compare(oracle, batch, $"DOPPEL_TEST_SEED={seed}");
    }

    private static void Compare(FloatOracle oracle, FloatCase[] cases, string origin)
    {
        FloatOutcome[] expected = oracle.Run(cases);
        int wrong = Enumerable.Range(0, cases.Length).FirstOrDefault(i => Differs(cases[i], expected[i]), -1);
        Assert.True(wrong < 0, wrong < 0 ? "" : Report(oracle, cases[wrong], origin));
    }

    private static bool Differs(in FloatCase c, in FloatOutcome expected)
    {
        // Flags that are set already must stay, and allow the shortest path through the hardware: the result may not change.
        FloatOutcome sticky = FloatOperation.Run(c, flags: 1);
        return FloatOperation.Run(c) != expected
            || FloatBody.Run(c, dynamicRounding: (c.A & 1) != 0) != expected
            || sticky != expected with { Flags = expected.Flags | 1 };
    }

    private static string Report(FloatOracle oracle, FloatCase failing, string origin)
    {
        FloatCase small = Shrink(oracle, failing);
        FloatOutcome expected = oracle.Run([small])[0], actual = FloatOperation.Run(small);
        return $"{origin}: {FloatOperation.Describe(failing)}\nshrunk to {FloatOperation.Describe(small)}\n"
            + $"expected 0x{expected.Result:x16} flags 0x{expected.Flags:x}, got 0x{actual.Result:x16} flags 0x{actual.Flags:x}";
    }

    private static FloatCase Shrink(FloatOracle oracle, FloatCase failing)
    {
        while (true)
        {
            FloatCase[] candidates = [.. Simpler(failing)];
            FloatOutcome[] expected = oracle.Run(candidates);
            int index = Enumerable.Range(0, candidates.Length).FirstOrDefault(i => Differs(candidates[i], expected[i]), -1);
            if (index < 0) return failing;
            failing = candidates[index];
        }
    }

    // Fewer bits set is simpler; so is round-to-nearest.
    private static IEnumerable<FloatCase> Simpler(FloatCase c)
    {
        if (c.Rm != 0) yield return c with { Rm = 0 };
        foreach (ulong a in FewerBits(c.A)) yield return c with { A = a };
        foreach (ulong b in FewerBits(c.B)) yield return c with { B = b };
        foreach (ulong x in FewerBits(c.C)) yield return c with { C = x };
    }

    private static IEnumerable<ulong> FewerBits(ulong value) =>
        new[] { 0UL }.Concat(Enumerable.Range(0, 64).Select(bit => value & ~(1UL << bit))).Where(simpler => simpler != value);
}
