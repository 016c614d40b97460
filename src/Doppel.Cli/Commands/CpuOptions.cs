using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Commands;

/// <summary>The options of <c>doppel run</c> that are about the host's processors, and how they are read.</summary>
internal sealed class CpuOptions
{
    private readonly Option<int?> _weight = new("--cpu-weight")
    {
        HelpName = "WEIGHT",
        Description = $"Share of the host's processors relative to your other machines, {CpuShareConfig.MinWeight} to {CpuShareConfig.MaxWeight} [default: 100]",
        CustomParser = ParseWeight,
    };

    private readonly Option<double?> _limit = new("--cpu-limit")
    {
        HelpName = "CPUS",
        Description = "Most processor time, for instance 150% or 1.5 for one and a half of the host's processors",
        CustomParser = ParseLimit,
    };

    private readonly Option<IReadOnlyList<int>?> _pin = new("--pin")
    {
        HelpName = "LIST",
        Description = "Run on these processors of the host only, for instance 0-1,3",
        CustomParser = ParsePin,
    };

    internal IReadOnlyList<Option> All => [_weight, _limit, _pin];

    /// <summary>What was asked for; without a group.</summary>
    internal CpuShareConfig Read(ParseResult result) => new()
    {
        Weight = result.GetValue(_weight) ?? CpuShareConfig.Default.Weight,
        Limit = result.GetValue(_limit),
        Pinned = result.GetValue(_pin) ?? [],
    };

    /// <summary>True if a weight was asked for.</summary>
    internal bool HasWeight(ParseResult result) => result.GetValue(_weight) is not null;

    private static int? ParseWeight(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int weight)
            && weight is >= CpuShareConfig.MinWeight and <= CpuShareConfig.MaxWeight) return weight;
        result.AddError($"--cpu-weight {text}: give a number from {CpuShareConfig.MinWeight} to {CpuShareConfig.MaxWeight}; 200 gets twice as much as 100");
        return null;
    }

    private static double? ParseLimit(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (CpuSyntax.TryParseLimit(text, out double limit)) return limit;
        result.AddError($"--cpu-limit {text}: not a number of processors of at least {CpuShareConfig.MinLimit:P0}, for instance 50% or 1.5");
        return null;
    }

    private static IReadOnlyList<int>? ParsePin(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        if (CpuSyntax.TryParseList(text) is { } numbers) return numbers;
        result.AddError($"--pin {text}: not a list of the host's processors, for instance 0 or 0-1,3");
        return null;
    }
}
