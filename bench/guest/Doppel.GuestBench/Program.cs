using Doppel.GuestBench.Building;
using Doppel.GuestBench.Cases;
using Doppel.GuestBench.Reports;
using Doppel.GuestBench.Running;

namespace Doppel.GuestBench;

/// <summary>The guest suite; started by <c>./dev bench guest</c> at the root of the source tree.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments)
    {
        using var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, e) =>
        {
            e.Cancel = true;
            stop.Cancel();
        };
        try
        {
            return await RunAsync(BenchOptions.Parse(arguments), Directory.GetCurrentDirectory(), stop.Token).ConfigureAwait(false);
        }
        catch (BenchException e)
        {
            Console.Error.WriteLine($"bench: {e.Message}");
            return 2;
        }
        catch (OperationCanceledException)
        {
            return 130;
        }
    }

    private static async Task<int> RunAsync(BenchOptions options, string repository, CancellationToken cancellation)
    {
        if (options.HelpOnly) Console.WriteLine(BenchOptions.Usage);
        if (options.ListOnly)
        {
            foreach (BenchCase bench in options.Cases) Console.WriteLine($"{bench.Name,-15} {TableReport.Name(bench.Group)}");
        }
        if (options.HelpOnly || options.ListOnly) return 0;

        string work = Path.Combine(repository, "artifacts", "bench", "guest");
        GuestMaterial material = await new Workshop(Path.Combine(repository, "bench", "guest"), work)
            .PrepareAsync(options.Engines.Contains(EngineKind.Native), cancellation).ConfigureAwait(false);
        var launch = new EngineLaunch(material, repository);
        if (options.Soak is { } soak) return await new SoakRunner(launch, options).RunAsync(soak, cancellation).ConfigureAwait(false) ? 0 : 1;
        if (options.Smp) return await new SmpRunner(launch, options).RunAsync(cancellation).ConfigureAwait(false) ? 0 : 1;
        await using var runner = new SuiteRunner(launch, options);
        SuiteResult result = await runner.RunAsync(cancellation).ConfigureAwait(false);

        var host = HostDescription.Read(material.Description);
        string output = Directory.CreateDirectory(options.Output ?? Path.Combine(work, "results")).FullName;
        Console.WriteLine(TableReport.Render(result));
        await File.WriteAllTextAsync(Path.Combine(output, "guest.json"), JsonReport.Render(result, host), cancellation).ConfigureAwait(false);
        await File.WriteAllTextAsync(Path.Combine(output, "guest.svg"), SvgChart.Render(result, host), cancellation).ConfigureAwait(false);
        Console.Error.WriteLine($"written: guest.json and guest.svg in {Path.GetRelativePath(repository, output)}");
        return result.Failures.Count == 0 ? 0 : 1;
    }
}
