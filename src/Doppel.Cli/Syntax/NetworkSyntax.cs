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

    private static readonly string[] s_guest = ["address", "gateway", "dns", "address6", "gateway6"];
    private static readonly string[] s_common = ["mac", "queues", .. s_guest];

    /// <summary>The network of those who ask for none.</summary>
    internal static NetworkChoice Default { get; } = new(new NetworkConfig { Kind = NetworkKind.User }, GuestNetwork.OfUser(null));

    /// <summary>Reads a network; null with a sentence for people if it is none.</summary>
    internal static NetworkChoice? TryParse(string text, out string problem)
    {
        string[] words = text.Split(',');
        string kind = words[0];
        Dictionary<string, string> values = new(StringComparer.Ordinal);
        string[]? keys = KeysOf(kind);
        problem = keys is null ? $"no such network; it is {Kinds}" : "";
        if (keys is null) return null;
        foreach (string word in words.Skip(1))
        {
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? word : word[..equals];
            if (equals < 0 || equals == word.Length - 1) problem = $"'{word}' has no value; write {key}=VALUE";
            else if (!keys.Contains(key, StringComparer.Ordinal)) problem = $"{kind} has no '{key}'; there {Those(keys)}";
            else if (!values.TryAdd(key, word[(equals + 1)..])) problem = $"'{key}' is there twice";
        }
        if (problem.Length == 0) problem = NetworkValues.Check(values);
        bool mayBeLonely = kind == "user" || values.ContainsKey("address");
        if (problem.Length == 0 && !mayBeLonely && s_guest.FirstOrDefault(values.ContainsKey) is { } lonely)
            problem = $"'{lonely}' goes with an address; give that too, as in address=10.5.0.1/24";
        if (problem.Length != 0) return null;
        return kind == "none" ? new NetworkChoice(null, GuestNetwork.Dhcp) : new NetworkChoice(Config(kind, values), Guest(kind, values));
    }

    private static string Those(string[] keys) => keys.Length == 0 ? "is nothing to set" : $"are {string.Join(", ", keys)}";

    private static string[]? KeysOf(string kind) => kind switch
    {
        "none" => [],
        "user" => ["net", "host", "restrict", .. s_common],
        "tap" => ["ifname", .. s_common],
        "socket" => ["path", .. s_common],
        _ => null,
    };

    private static NetworkConfig Config(string kind, Dictionary<string, string> values)
    {
        NetworkConfig config = new()
        {
            Kind = kind switch { "user" => NetworkKind.User, "tap" => NetworkKind.Tap, _ => NetworkKind.Socket },
            Subnet = values.GetValueOrDefault("net"),
            ReachesHost = values.GetValueOrDefault("host") != "off",
            Restrict = values.GetValueOrDefault("restrict") == "on",
            Mac = values.GetValueOrDefault("mac"),
            QueuePairs = int.Parse(values.GetValueOrDefault("queues", "1"), CultureInfo.InvariantCulture),
            SocketPath = values.TryGetValue("path", out string? path) ? Path.GetFullPath(path) : null,
        };
        return values.TryGetValue("ifname", out string? name) ? config with { InterfaceName = name } : config;
    }

    private static GuestNetwork Guest(string kind, Dictionary<string, string> values)
    {
        GuestNetwork usual = kind switch
        {
            "user" => GuestNetwork.OfUser(values.GetValueOrDefault("net")),
            "socket" when !values.ContainsKey("address") => GuestNetwork.LinkLocal,
            _ => GuestNetwork.Dhcp,
        };
        return usual with
        {
            Address = values.GetValueOrDefault("address") ?? usual.Address,
            Gateway = values.GetValueOrDefault("gateway") ?? usual.Gateway,
            NameServer = values.GetValueOrDefault("dns") ?? usual.NameServer,
            Address6 = values.GetValueOrDefault("address6") ?? usual.Address6,
            Gateway6 = values.GetValueOrDefault("gateway6") ?? usual.Gateway6,
        };
    }
}
