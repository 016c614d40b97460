using System.CommandLine;
using System.CommandLine.Parsing;
using Doppel.Cli.Output;
using Doppel.Cli.Syntax;

namespace Doppel.Cli.Commands;

/// <summary>The options of <c>doppel run</c> that are about networks, and how they are read.</summary>
internal sealed class NetworkOptions
{
    private readonly Option<NetworkChoice[]> _networks = new("--network", "--net")
    {
        HelpName = "KIND[,KEY=VALUE...]",
        Description = $"Network device: {NetworkSyntax.Kinds}; may be given several times [default: user; none with --time icount]",
        CustomParser = ParseNetworks,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<string[]> _publish = Many("--publish", "[IP:]HOST:GUEST[/udp]", "Port of the host that leads to a port of the guest, for instance 8080:80", "-p");
    private readonly Option<string[]> _allow = Many("--allow", "HOST[:PORT]", "Let the guest reach this place and no other: a name, *.name, an address or a block; may be given several times");
    private readonly Option<string?> _mac = new("--mac") { HelpName = "ADDRESS", Description = "Ethernet address of the first network device, for instance 52:54:00:12:34:56" };
    private readonly Option<string?> _pcap = new("--pcap") { HelpName = "FILE", Description = "Capture all frames of the first network device, for tshark or tcpdump" };

    private readonly Option<TimeSpan[]> _delay = new("--net-delay")
    {
        HelpName = "TIME[,JITTER]",
        Description = "Delay of each frame in either direction, for instance 20ms or 20ms,5ms",
        CustomParser = ParseDelay,
    };

    private readonly Option<double> _loss = Part("--net-loss", "Part of the frames that are lost, for instance 1%");
    private readonly Option<double> _duplicate = Part("--net-duplicate", "Part of the frames that arrive twice");
    private readonly Option<double> _reorder = Part("--net-reorder", "Part of the frames that skip the delay (--net-delay) and overtake others");

    private readonly Option<long> _rate = new("--net-rate")
    {
        HelpName = "BITS",
        Description = "Bits per second in either direction, for instance 10M",
        CustomParser = static result => NetworkQuantities.TryParseRate(result.Tokens[0].Value, out long rate)
            ? rate : Refuse<long>(result, "not a rate, for instance 10M (bits per second) or 512K"),
    };

    internal NetworkOptions() => _networks.CompletionSources.Add("user", "tap", "socket,path=", "none");

    /// <summary>The options, for the command.</summary>
    internal IEnumerable<Option> All => [_networks, _publish, _allow, _mac, _pcap, _delay, _loss, _duplicate, _reorder, _rate];

    /// <summary>The networks that are wanted.</summary>
    /// <param name="result">What was typed.</param>
    /// <param name="mustRepeat">True if the run must repeat exactly: then nothing reaches it from outside unless that is asked for.</param>
    internal IReadOnlyList<NetworkChoice> Read(ParseResult result, bool mustRepeat)
    {
        string[] publish = result.GetValue(_publish) ?? [], allow = result.GetValue(_allow) ?? [];
        TimeSpan[] delay = result.GetValue(_delay) ?? [];
        NetworkImpairment impairment = new()
        {
            Delay = delay.ElementAtOrDefault(0),
            Jitter = delay.ElementAtOrDefault(1),
            Loss = result.GetValue(_loss),
            Duplicate = result.GetValue(_duplicate),
            Reorder = result.GetValue(_reorder),
            BitsPerSecond = result.GetValue(_rate),
        };
        NetworkChoice[] usual = mustRepeat && publish.Length == 0 && allow.Length == 0 ? [] : [NetworkSyntax.Default];
        NetworkChoice[] choices = [.. (result.GetValue(_networks) is { Length: > 0 } given ? given : usual).Where(static c => c.Config is not null)];
        if (choices.Length == 0 && (publish.Length > 0 || allow.Length > 0))
            throw CliException.Usage("--publish and --allow need a network, and --network none gives none", "leave --network none out");
        for (int i = 0; i < choices.Length; i++)
        {
            NetworkConfig config = choices[i].Config! with { Impairment = impairment };
            if (i == Math.Max(0, Array.FindIndex(choices, static c => c.Config!.Kind == NetworkKind.User))) config = config with { Publish = publish, Allow = allow };
            if (i == 0) config = config with { Mac = result.GetValue(_mac) ?? config.Mac, PcapPath = result.GetValue(_pcap) };
            choices[i] = choices[i] with { Config = config };
        }
        return choices;
    }

    private static Option<double> Part(string name, string description) => new(name)
    {
        HelpName = "PART",
        Description = description,
        CustomParser = static result => NetworkQuantities.TryParsePart(result.Tokens[0].Value, out double part)
            ? part : Refuse<double>(result, "not a part of the frames, for instance 1% or 0.5%"),
    };

    private static Option<string[]> Many(string name, string helpName, string description, params string[] aliases)
        => new(name, aliases) { HelpName = helpName, Description = description, Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false };

    private static NetworkChoice[] ParseNetworks(ArgumentResult result)
    {
        List<NetworkChoice> choices = [];
        foreach (Token token in result.Tokens)
        {
            if (NetworkSyntax.TryParse(token.Value, out string problem) is { } choice) choices.Add(choice);
            else result.AddError($"--network {token.Value}: {problem}");
        }
        if (choices.Count > 1 && choices.Any(static c => c.Config is null)) result.AddError("--network none: there are other networks; leave it out");
        return [.. choices];
    }

    private static TimeSpan[] ParseDelay(ArgumentResult result)
    {
        string[] words = result.Tokens[0].Value.Split(',');
        TimeSpan[] times = new TimeSpan[words.Length];
        bool isValid = words.Length <= 2;
        for (int i = 0; i < words.Length; i++) isValid &= NetworkQuantities.TryParseDelay(words[i], out times[i]);
        return isValid ? times : Refuse<TimeSpan[]>(result, "not a time, for instance 20ms, or 20ms,5ms with jitter")!;
    }

    private static T? Refuse<T>(ArgumentResult result, string why)
    {
        result.AddError($"{((OptionResult)result.Parent!).Option.Name} {result.Tokens[0].Value}: {why}");
        return default;
    }
}
