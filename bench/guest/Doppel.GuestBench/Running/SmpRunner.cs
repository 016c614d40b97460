using System.Globalization;
using Doppel.GuestBench.Cases;

namespace Doppel.GuestBench.Running;

/// <summary>
/// Measures what a second processor gains: the same work, two of each case at the same time, in a guest with one processor and in one with two, in
/// turns. The time on the clock counts, so the host should have nothing else to do; the processor seconds tell how far that was so.
/// </summary>
internal sealed class SmpRunner(EngineLaunch launch, BenchOptions options)
{
    private static readonly TimeSpan s_caseTime = TimeSpan.FromMinutes(10);
    private static readonly int[] s_cpus = [1, 2];
    private readonly Dictionary<(EngineKind Engine, int Cpus), GuestSession> _sessions = [];
    private readonly Dictionary<(string Case, EngineKind Engine, int Cpus), List<CaseRun>> _runs = [];
    private readonly Dictionary<string, string> _sums = new(StringComparer.Ordinal);

    /// <summary>Runs all repetitions and prints the table.</summary>
    /// <returns>True if nothing failed.</returns>
    public async Task<bool> RunAsync(CancellationToken cancellation)
    {
        try
        {
            foreach (EngineKind engine in options.Engines)
            {
                foreach (int cpus in s_cpus)
                    _sessions[(engine, cpus)] = await GuestSession.StartAsync(launch, engine, cancellation, cpus).ConfigureAwait(false);
            }
            // Each machine does everything once to have it translated, in caches and in memory.
            for (int repetition = -1; repetition < options.Repetitions; repetition++)
            {
                foreach (BenchCase bench in options.Cases) await TurnAsync(bench, repetition, cancellation).ConfigureAwait(false);
            }
        }
        catch (CaseFailure failure)
        {
            Say($"FAILED   {failure.Message}");
            return false;
        }
        finally
        {
            foreach (GuestSession session in _sessions.Values) await session.DisposeAsync().ConfigureAwait(false);
        }
        Report();
        return true;
    }

    private async Task TurnAsync(BenchCase bench, int repetition, CancellationToken cancellation)
    {
        foreach (((EngineKind engine, int cpus), GuestSession session) in _sessions)
        {
            CaseRun run = await session.RunAsync($"two-{bench.Name}", s_caseTime, cancellation).ConfigureAwait(false);
            if (!_sums.TryAdd(bench.Name, run.Checksum) && _sums[bench.Name] != run.Checksum)
                throw new CaseFailure($"{bench.Name} on {engine} with {cpus}: printed {run.Checksum}, first it was {_sums[bench.Name]}", engineLost: false);
            Say($"{engine,-6} cpus {cpus}  {bench.Name,-10} #{repetition + 1}  wall {run.WallSeconds,6:F2} s  cpu {run.CpuSeconds,6:F2} s");
            if (repetition < 0) continue;
            if (!_runs.TryGetValue((bench.Name, engine, cpus), out List<CaseRun>? runs)) _runs[(bench.Name, engine, cpus)] = runs = [];
            runs.Add(run);
        }
    }

    // The best time on the clock is the one that other work on the host has disturbed least.
    private void Report()
    {
        Console.WriteLine("| case | engine | 1 cpu: wall s | cpu s | 2 cpus: wall s | cpu s | speed-up |");
        Console.WriteLine("|---|---|---:|---:|---:|---:|---:|");
        foreach (EngineKind engine in options.Engines)
        {
            double product = 1;
            foreach (BenchCase bench in options.Cases)
            {
                CaseRun one = Best(bench, engine, 1), two = Best(bench, engine, 2);
                double gain = one.WallSeconds / two.WallSeconds;
                product *= gain;
                Print($"| {bench.Name} | {engine} | {one.WallSeconds:F2} | {one.CpuSeconds:F2} | {two.WallSeconds:F2} | {two.CpuSeconds:F2} | {gain:F2} |");
            }
            Print($"| mean | {engine} | | | | | {Math.Pow(product, 1.0 / options.Cases.Count):F2} |");
        }
    }

    private CaseRun Best(BenchCase bench, EngineKind engine, int cpus) => _runs[(bench.Name, engine, cpus)].MinBy(static r => r.WallSeconds)!;

    private static void Print(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));

    private static void Say(FormattableString text) => Console.Error.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
