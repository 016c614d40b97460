using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Doppel.Cli.Syntax;

/// <summary>What may stand behind the keys of <c>--network</c>, as far as that can be seen from the text. Thread contract: stateless.</summary>
internal static class NetworkValues
{
    private static readonly (string Key, Func<string, bool> Fits, string Form)[] s_forms =
    [
        ("queues",   static t => int.TryParse(t, NumberStyles.None, CultureInfo.InvariantCulture, out _), "queues is a number, as in queues=2"),
        ("restrict", static t => t is "on" or "off",                            "restrict is on or off"),
        ("host",     static t => t is "on" or "off",                            "host is on or off"),
        ("address",  static t => IsInterface(t, AddressFamily.InterNetwork),    "address is an IPv4 address and how many bits its network has, as in address=10.5.0.1/24"),
        ("gateway",  static t => IsAddress(t, AddressFamily.InterNetwork),      "gateway is an IPv4 address, as in gateway=10.5.0.254"),
        ("dns",      static t => IsAddress(t, AddressFamily.InterNetwork) || IsAddress(t, AddressFamily.InterNetworkV6), "dns is an address, as in dns=10.5.0.253"),
        ("address6", static t => IsInterface(t, AddressFamily.InterNetworkV6),  "address6 is an IPv6 address and how many bits its network has, as in address6=fd00:5::1/64"),
        ("gateway6", static t => IsAddress(t, AddressFamily.InterNetworkV6),    "gateway6 is an IPv6 address, as in gateway6=fd00:5::fe"),
    ];

    /// <summary>Says what is wrong with the first value that does not fit; "" if all do.</summary>
    internal static string Check(IReadOnlyDictionary<string, string> values)
    {
        foreach ((string key, Func<string, bool> fits, string form) in s_forms)
        {
            if (values.TryGetValue(key, out string? value) && !fits(value)) return $"'{value}' does not fit: {form}";
        }
        return "";
    }

    // The class library takes "10" for an address too.
    private static bool IsAddress(string text, AddressFamily family)
        => IPAddress.TryParse(text, out IPAddress? address) && address.AddressFamily == family
            && (family != AddressFamily.InterNetwork || text.Count(static c => c == '.') == 3);

    private static bool IsInterface(string text, AddressFamily family)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && IsAddress(text[..slash], family)
            && int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int bits)
            && bits > 0 && bits <= (family == AddressFamily.InterNetwork ? 32 : 128);
    }
}
