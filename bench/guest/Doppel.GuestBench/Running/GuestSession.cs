using System.Diagnostics;
using System.Globalization;

namespace Doppel.GuestBench.Running;

/// <summary>
/// A started engine and the agent in it, which does cases on request. The agent's markers come over the console, each on a line of its
/// own; the processor time of the engine is read when a marker arrives. Thread contract: one caller at a time.
/// </summary>
internal sealed class GuestSession : IAsyncDisposable
{
    private const string MarkerPrefix = "@@ ";
    private const int LinesKept = 12;
    private static readonly TimeSpan s_bootTime = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_endTime = TimeSpan.FromSeconds(20);
    private readonly Process _process;
    private readonly EngineKind _engine;
    private readonly Queue<string> _lastLines = [];
    private readonly Task _errors;

    private GuestSession(Process process, EngineKind engine)
    {
        _process = process;
        _engine = engine;
        _errors = KeepErrorsAsync();
    }

    /// <summary>Processor time from the start of the program until the agent was ready, in seconds.</summary>
    public double BootCpuSeconds { get; private set; }

    /// <summary>Time on the clock for the same, in seconds.</summary>
    public double BootWallSeconds { get; private set; }

    /// <summary>Starts an engine and waits for the agent.</summary>
    /// <exception cref="CaseFailure">It ends, or says nothing for too long.</exception>
    public static async Task<GuestSession> StartAsync(EngineLaunch launch, EngineKind engine, CancellationToken cancellation, int cpus = 1)
    {
        var clock = Stopwatch.StartNew();
        Process process = Process.Start(launch.For(engine, cpus)) ?? throw new BenchException($"cannot start {engine}");
        var session = new GuestSession(process, engine);
        try
        {
            await session.MarkerAsync("ready", s_bootTime, cancellation).ConfigureAwait(false);
            session.BootWallSeconds = clock.Elapsed.TotalSeconds;
            session.BootCpuSeconds = session.ReadCpuSeconds();
            return session;
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Has the agent do a case.</summary>
    /// <exception cref="CaseFailure">The case fails, or the engine does.</exception>
    public async Task<CaseRun> RunAsync(string name, TimeSpan timeout, CancellationToken cancellation)
    {
        await SendAsync(name, cancellation).ConfigureAwait(false);
        await MarkerAsync($"begin {name}", timeout, cancellation).ConfigureAwait(false);
        double before = ReadCpuSeconds();
        var clock = Stopwatch.StartNew();
        string end = await MarkerAsync($"end {name} ", timeout, cancellation).ConfigureAwait(false);
        double wall = clock.Elapsed.TotalSeconds, cpu = ReadCpuSeconds() - before;
        string sum = await MarkerAsync($"sum {name} ", timeout, cancellation).ConfigureAwait(false);
        string[] words = end.Split(' ');
        if (words is not [.., var status, var microseconds] || status != "0")
            throw new CaseFailure($"{name} on {_engine} ended with `{end}`{Said()}", engineLost: false);
        // Native cases are short: the kernel's own account of them is finer than that of the whole session.
        if (_engine == EngineKind.Native) cpu = double.Parse(microseconds, CultureInfo.InvariantCulture) / 1e6;
        return new CaseRun(cpu, wall, sum[(sum.LastIndexOf(' ') + 1)..]);
    }

    /// <summary>Ends the agent, and the engine with it; by force if it does not go.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            using var limit = new CancellationTokenSource(s_endTime);
            await SendAsync("quit", limit.Token).ConfigureAwait(false);
            await _process.StandardOutput.ReadToEndAsync(limit.Token).ConfigureAwait(false);
            await _process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or CaseFailure)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
        }
        await _errors.ConfigureAwait(false);
        _process.Dispose();
    }

    private async Task SendAsync(string line, CancellationToken cancellation)
    {
        try
        {
            await _process.StandardInput.WriteAsync((line + "\n").AsMemory(), cancellation).ConfigureAwait(false);
            await _process.StandardInput.FlushAsync(cancellation).ConfigureAwait(false);
        }
        catch (IOException)
        {
            throw new CaseFailure($"{_engine} has ended{Said()}", engineLost: true);
        }
    }

    private async Task<string> MarkerAsync(string text, TimeSpan timeout, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        try
        {
            while (await _process.StandardOutput.ReadLineAsync(limit.Token).ConfigureAwait(false) is { } raw)
            {
                string line = raw.Trim();
                if (line.StartsWith(MarkerPrefix + text, StringComparison.Ordinal)) return line;
                Keep(line);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new CaseFailure($"{_engine} did not say `{text}` within {timeout.TotalSeconds:F0} s{Said()}", engineLost: true);
        }
        throw new CaseFailure($"{_engine} ended before it said `{text}`{Said()}", engineLost: true);
    }

    private async Task KeepErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync(CancellationToken.None).ConfigureAwait(false) is { } line) Keep(line.Trim());
    }

    private void Keep(string line)
    {
        if (line.Length == 0) return;
        lock (_lastLines)
        {
            _lastLines.Enqueue(line);
            if (_lastLines.Count > LinesKept) _lastLines.Dequeue();
        }
    }

    private string Said()
    {
        lock (_lastLines) return string.Concat(_lastLines.Select(line => "\n    " + line));
    }

    private double ReadCpuSeconds()
    {
        try
        {
            _process.Refresh();
            return _process.TotalProcessorTime.TotalSeconds;
        }
        catch (InvalidOperationException)
        {
            throw new CaseFailure($"{_engine} has ended{Said()}", engineLost: true);
        }
    }
}
