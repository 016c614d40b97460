using System.Globalization;
using Doppel.Images;

namespace Doppel.Cli.Syntax;

/// <summary>A network as it was typed.</summary>
/// <param name="Config">The device; null for none.</param>
/// <param name="Guest">How an image's guest sets it up.</param>
internal sealed record NetworkChoice(NetworkConfig? Config, GuestNetwork Guest);

/// <summary>A network as it is typed: <c>KIND[,KEY=VALUE...]</c>.</summary>
internal static class NetworkSyntax
{
    internal const string Kinds = "user, tap[,ifname=NAME], socket,path=PATH or none";

    private static readonly string[] s_common = ["mac", "queues", "address", "gateway", "dns", "address6", "gateway6"];

    /// <summary>The network of those who ask for none.</summary>
    internal static NetworkChoice Default { get; } = new(new NetworkConfig { Kind = NetworkKind.User }, GuestNetwork.User);

    /// <summary>Reads a network; null with a sentence for people if it is none.</summary>
    internal static NetworkChoice? TryParse(string text, out string problem)
    {
        string[] words = text.Split(',');
        Dictionary<string, string> values = new(StringComparer.Ordinal);
        string[]? keys = words[0] switch { "none" => [], "user" => ["restrict", .. s_common], "tap" => ["ifname", .. s_common], "socket" => ["path", .. s_common], _ => null };
        problem = keys is null ? $"no such network; it is {Kinds}" : "";
        if (keys is null) return null;
        foreach (string word in words.Skip(1))
        {
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? word : word[..equals];
            if (equals < 0 || equals == word.Length - 1) problem = $"'{word}' has no value; write {key}=VALUE";
            else if (!keys.Contains(key, StringComparer.Ordinal)) problem = $"{words[0]} has no '{key}'; there {(keys.Length == 0 ? "is nothing to set" : $"are {string.Join(", ", keys)}")}";
            else if (!values.TryAdd(key, word[(equals + 1)..])) problem = $"'{key}' is there twice";
        }
        if (problem.Length == 0 && !TryReadQueues(values, out _)) problem = "queues is a number, as in queues=2";
        if (values.TryGetValue("restrict", out string? restrict) && restrict is not ("on" or "off")) problem = "restrict is on or off";
        if (problem.Length != 0) return null;
        return words[0] == "none" ? new NetworkChoice(null, GuestNetwork.Dhcp) : new NetworkChoice(Config(words[0], values), Guest(words[0], values));
    }

    private static NetworkConfig Config(string kind, Dictionary<string, string> values)
    {
        TryReadQueues(values, out int queues);
        NetworkConfig config = new()
        {
            Kind = kind switch { "user" => NetworkKind.User, "tap" => NetworkKind.Tap, _ => NetworkKind.Socket },
            Restrict = values.GetValueOrDefault("restrict") == "on",
            Mac = values.GetValueOrDefault("mac"),
            QueuePairs = queues,
            SocketPath = values.TryGetValue("path", out string? path) ? Path.GetFullPath(path) : null,
        };
        return values.TryGetValue("ifname", out string? name) ? config with { InterfaceName = name } : config;
    }

    private static GuestNetwork Guest(string kind, Dictionary<string, string> values)
    {
        if (!values.ContainsKey("address")) return Usual(kind);
        return new GuestNetwork
        {
            Address = values["address"],
            Gateway = values.GetValueOrDefault("gateway"),
            NameServer = values.GetValueOrDefault("dns"),
            Address6 = values.GetValueOrDefault("address6"),
            Gateway6 = values.GetValueOrDefault("gateway6"),
        };
    }

    private static GuestNetwork Usual(string kind) => kind switch { "user" => GuestNetwork.User, "socket" => GuestNetwork.LinkLocal, _ => GuestNetwork.Dhcp };

    private static bool TryReadQueues(Dictionary<string, string> values, out int queues)
    {
        queues = 1;
        return !values.TryGetValue("queues", out string? text) || int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out queues);
    }
}
