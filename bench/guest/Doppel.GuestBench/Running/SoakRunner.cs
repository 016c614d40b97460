using System.Diagnostics;
using System.Globalization;
using Doppel.GuestBench.Cases;

namespace Doppel.GuestBench.Running;

/// <summary>
/// Runs the cases over and over in one machine for a given time: what a case prints in the first round, which another engine may do first, it
/// must print in every other. So a translation that goes stale, or memory that runs out, shows.
/// </summary>
internal sealed class SoakRunner(EngineLaunch launch, BenchOptions options)
{
    private static readonly TimeSpan s_caseTime = TimeSpan.FromMinutes(20);
    private readonly Dictionary<string, string> _expected = new(StringComparer.Ordinal);

    /// <summary>Soaks.</summary>
    /// <param name="duration">How long; the round that is under way then is finished.</param>
    /// <param name="cancellation">Ends it early.</param>
    /// <returns>True if nothing differed and every case ended well.</returns>
    public async Task<bool> RunAsync(TimeSpan duration, CancellationToken cancellation)
    {
        foreach (EngineKind reference in options.Engines.Where(static e => e != EngineKind.Jit))
        {
            if (!await RoundsAsync(reference, TimeSpan.Zero, cancellation).ConfigureAwait(false)) return false;
        }
        return await RoundsAsync(EngineKind.Jit, duration, cancellation).ConfigureAwait(false);
    }

    private async Task<bool> RoundsAsync(EngineKind engine, TimeSpan duration, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        try
        {
            await using GuestSession session = await GuestSession.StartAsync(launch, engine, cancellation).ConfigureAwait(false);
            int round = 0;
            do
            {
                round++;
                foreach (BenchCase bench in options.Cases)
                {
                    CaseRun run = await session.RunAsync(bench.Name, s_caseTime, cancellation).ConfigureAwait(false);
                    if (!_expected.TryAdd(bench.Name, run.Checksum) && _expected[bench.Name] != run.Checksum)
                    {
                        Say($"FAILED   {bench.Name} in round {round} on {engine}: printed {run.Checksum}, first it was {_expected[bench.Name]}");
                        return false;
                    }
                }
                Say($"{engine,-8} round {round}: {options.Cases.Count} cases as before, {clock.Elapsed.TotalMinutes:F1} minutes");
            }
            while (clock.Elapsed < duration);
            return true;
        }
        catch (CaseFailure failure)
        {
            Say($"FAILED   {failure.Message}");
            return false;
        }
    }

    private static void Say(FormattableString text) => Console.Error.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
