using Doppel.GuestBench.Cases;

namespace Doppel.GuestBench.Running;

/// <summary>How long an engine took until the agent was ready, in seconds.</summary>
internal sealed record BootRun(EngineKind Engine, double CpuSeconds, double WallSeconds);

/// <summary>One case on one engine, all repetitions.</summary>
internal sealed record CaseResult(BenchCase Case, EngineKind Engine, IReadOnlyList<CaseRun> Runs)
{
    /// <summary>The median of the processor seconds.</summary>
    public double CpuSeconds { get; } = Median(Runs.Select(run => run.CpuSeconds));

    /// <summary>The median of the seconds on the clock.</summary>
    public double WallSeconds { get; } = Median(Runs.Select(run => run.WallSeconds));

    /// <summary>Distance between the slowest and the fastest repetition, as part of the median.</summary>
    public double Spread => CpuSeconds > 0 ? (Runs.Max(run => run.CpuSeconds) - Runs.Min(run => run.CpuSeconds)) / CpuSeconds : 0;

    internal static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}

/// <summary>Everything that was measured.</summary>
/// <param name="Engines">The engines, in the order they were asked for.</param>
/// <param name="Cases">The cases, in the order of the suite.</param>
/// <param name="Results">What ran at least once.</param>
/// <param name="Boots">Every start of an engine that has a boot.</param>
/// <param name="Failures">What went wrong, for people.</param>
internal sealed record SuiteResult(
    IReadOnlyList<EngineKind> Engines, IReadOnlyList<BenchCase> Cases, IReadOnlyList<CaseResult> Results, IReadOnlyList<BootRun> Boots,
    IReadOnlyList<string> Failures)
{
    /// <summary>The engine the others are compared with: QEMU where it ran.</summary>
    public EngineKind Reference => Engines.Contains(EngineKind.Qemu) ? EngineKind.Qemu : Engines[0];

    /// <summary>Finds a result, or null if the case never ran to its end.</summary>
    public CaseResult? Find(BenchCase bench, EngineKind engine) => Results.FirstOrDefault(r => r.Case == bench && r.Engine == engine);

    /// <summary>How many times as fast as the reference an engine is on a case, in processor time; null without both.</summary>
    public double? Speed(BenchCase bench, EngineKind engine) =>
        Find(bench, Reference) is { } reference && Find(bench, engine) is { CpuSeconds: > 0 } own ? reference.CpuSeconds / own.CpuSeconds : null;

    /// <summary>Geometric mean of the speeds over the cases of a group, or over all of them; null if there are none.</summary>
    public double? MeanSpeed(EngineKind engine, CaseGroup? group)
    {
        double[] logs = [.. Cases.Where(c => group is null || c.Group == group).Select(c => Speed(c, engine)).OfType<double>().Select(speed => Math.Log(speed))];
        return logs.Length > 0 ? Math.Exp(logs.Average()) : null;
    }
}
