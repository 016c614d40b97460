using System.Globalization;
using Doppel.GuestBench.Cases;

namespace Doppel.GuestBench.Running;

/// <summary>
/// Runs the suite. In each repetition every engine is started anew; then the engines take turns case by case, the first turn going to
/// another engine each time, so that a host that gets slower or faster meets all of them alike. Idle engines sleep.
/// </summary>
internal sealed class SuiteRunner(EngineLaunch launch, BenchOptions options) : IAsyncDisposable
{
    private static readonly TimeSpan s_caseTime = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan s_slowCaseTime = TimeSpan.FromMinutes(20);
    private readonly Dictionary<EngineKind, GuestSession> _sessions = [];
    private readonly HashSet<EngineKind> _givenUp = [];
    private readonly Dictionary<(string Case, EngineKind Engine), List<CaseRun>> _runs = [];
    private readonly List<BootRun> _boots = [];
    private readonly List<string> _failures = [];

    /// <summary>Runs all repetitions. What fails is told in the result.</summary>
    public async Task<SuiteResult> RunAsync(CancellationToken cancellation)
    {
        for (int repetition = 0; repetition < options.Repetitions; repetition++)
        {
            await StopAsync().ConfigureAwait(false);
            foreach (EngineKind engine in Turns(repetition)) await StartAsync(engine, cancellation).ConfigureAwait(false);
            for (int i = 0; i < options.Cases.Count; i++)
            {
                foreach (EngineKind engine in Turns(repetition + i))
                    await RunAsync(options.Cases[i], engine, repetition, cancellation).ConfigureAwait(false);
            }
        }
        CompareChecksums();
        return Collect();
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync() => await StopAsync().ConfigureAwait(false);

    private IEnumerable<EngineKind> Turns(int first) =>
        Enumerable.Range(0, options.Engines.Count).Select(i => options.Engines[(first + i) % options.Engines.Count]);

    private async Task<GuestSession?> StartAsync(EngineKind engine, CancellationToken cancellation)
    {
        if (_givenUp.Contains(engine)) return null;
        try
        {
            GuestSession session = await GuestSession.StartAsync(launch, engine, cancellation).ConfigureAwait(false);
            _sessions[engine] = session;
            if (engine != EngineKind.Native)
            {
                _boots.Add(new BootRun(engine, session.BootCpuSeconds, session.BootWallSeconds));
                Say($"{engine,-8} boot {session.BootCpuSeconds,27:F2} s");
            }
            return session;
        }
        catch (CaseFailure failure)
        {
            // It will not boot the next time either.
            _givenUp.Add(engine);
            Fail(failure.Message);
            return null;
        }
    }

    private async Task RunAsync(BenchCase bench, EngineKind engine, int repetition, CancellationToken cancellation)
    {
        GuestSession? session = _sessions.GetValueOrDefault(engine) ?? await StartAsync(engine, cancellation).ConfigureAwait(false);
        if (session is null) return;
        try
        {
            CaseRun run = await session.RunAsync(bench.Name, engine == EngineKind.Interp ? s_slowCaseTime : s_caseTime, cancellation)
                .ConfigureAwait(false);
            if (!_runs.TryGetValue((bench.Name, engine), out List<CaseRun>? runs)) _runs[(bench.Name, engine)] = runs = [];
            runs.Add(run);
            Say($"{engine,-8} {bench.Name,-15} #{repetition + 1} {run.CpuSeconds,12:F2} s  wall {run.WallSeconds,7:F2} s  {run.Checksum[..8]}");
        }
        catch (CaseFailure failure)
        {
            Fail(failure.Message);
            if (!failure.EngineLost) return;
            _sessions.Remove(engine);
            await session.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task StopAsync()
    {
        foreach (GuestSession session in _sessions.Values) await session.DisposeAsync().ConfigureAwait(false);
        _sessions.Clear();
    }

    private void CompareChecksums()
    {
        foreach (BenchCase bench in options.Cases)
        {
            string[] sums = [.. _runs.Where(r => r.Key.Case == bench.Name && (bench.SameOnHost || r.Key.Engine != EngineKind.Native))
                .SelectMany(r => r.Value.Select(run => $"{r.Key.Engine} {run.Checksum}")).Distinct()];
            if (sums.Select(s => s.Split(' ')[1]).Distinct().Skip(1).Any())
                Fail($"{bench.Name}: the engines do not agree on the result\n    " + string.Join("\n    ", sums));
        }
    }

    private SuiteResult Collect()
    {
        List<CaseResult> results = [];
        foreach (BenchCase bench in options.Cases)
        {
            foreach (EngineKind engine in options.Engines)
            {
                if (_runs.TryGetValue((bench.Name, engine), out List<CaseRun>? runs)) results.Add(new CaseResult(bench, engine, runs));
            }
        }
        return new SuiteResult(options.Engines, options.Cases, results, _boots, _failures);
    }

    private void Fail(string message)
    {
        _failures.Add(message);
        Say("FAILED   " + message);
    }

    private static void Say(FormattableString text) => Say(text.ToString(CultureInfo.InvariantCulture));

    private static void Say(string text) => Console.Error.WriteLine(text);
}
