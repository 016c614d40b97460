using System.Text.Json;
using System.Text.Json.Serialization;
using Doppel.GuestBench.Cases;
using Doppel.GuestBench.Running;

namespace Doppel.GuestBench.Reports;

/// <summary>The result for programs: every single run, the medians, the speeds and the means.</summary>
internal sealed record JsonReport(
    HostDescription Host, EngineKind Reference, IReadOnlyList<JsonCase> Cases, IReadOnlyList<JsonMean> Means, IReadOnlyList<BootRun> Boots,
    IReadOnlyList<string> Failures)
{
    /// <summary>The result as JSON.</summary>
    public static string Render(SuiteResult result, HostDescription host)
    {
        var report = new JsonReport(host, result.Reference, [.. result.Results.Select(r => JsonCase.From(result, r))], [.. MeansOf(result)],
            result.Boots, result.Failures);
        return JsonSerializer.Serialize(report, ReportJson.Default.JsonReport) + "\n";
    }

    private static IEnumerable<JsonMean> MeansOf(SuiteResult result) =>
        from engine in result.Engines
        from @group in Enum.GetValues<CaseGroup>().Select(g => (CaseGroup?)g).Append(null)
        let speed = result.MeanSpeed(engine, @group)
        where speed is not null
        select new JsonMean(engine, @group, speed.Value);
}

/// <summary>One case on one engine.</summary>
internal sealed record JsonCase(
    string Name, CaseGroup Group, EngineKind Engine, double CpuSeconds, double WallSeconds, double Spread, double? Speed,
    IReadOnlyList<CaseRun> Runs)
{
    internal static JsonCase From(SuiteResult result, CaseResult one) => new(one.Case.Name, one.Case.Group, one.Engine, one.CpuSeconds,
        one.WallSeconds, one.Spread, result.Speed(one.Case, one.Engine), one.Runs);
}

/// <summary>A geometric mean of speeds; without a group it is that of all cases.</summary>
internal sealed record JsonMean(EngineKind Engine, CaseGroup? Group, double Speed);

/// <summary>Serialisation that is generated at compile time.</summary>
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(JsonReport))]
internal sealed partial class ReportJson : JsonSerializerContext;
