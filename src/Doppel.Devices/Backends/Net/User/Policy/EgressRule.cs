using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Policy;

/// <summary>
/// A place that a guest may reach when its network has an allow-list: a name (<c>deb.debian.org</c>), all names below one
/// (<c>*.debian.org</c>), an address or a block of them (<c>192.0.2.0/24</c>, <c>2001:db8::/32</c>), each also with a port
/// (<c>deb.debian.org:443</c>, <c>[2001:db8::1]:53</c>). Immutable.
/// </summary>
public sealed class EgressRule
{
    private readonly string _text;
    private readonly string? _name;
    private readonly IpAddress _block;
    private readonly int _prefix;
    private readonly ushort _port;

    private EgressRule(string text, string? name, (IpAddress Block, int Prefix) block, ushort port)
    {
        _text = text;
        _name = name;
        (_block, _prefix) = block;
        _port = port;
    }

    internal bool IsName => _name is not null;

    /// <summary>Reads a rule as people write it.</summary>
    /// <param name="text">For instance <c>deb.debian.org:443</c>.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="error">What is wrong with it, as a sentence.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out EgressRule? rule, [NotNullWhen(false)] out string? error)
    {
        rule = null;
        error = $"'{text}' is no place to allow: give a name, an address or a block of addresses, with a port if only that is allowed, "
            + "for instance deb.debian.org:443, *.debian.org, 192.0.2.0/24 or [2001:db8::1]:53";
        if (!TrySplit(text, out string place, out ushort port)) return false;
        if (TryParseBlock(place, out (IpAddress Block, int Prefix) block)) rule = new(text, null, block, port);
        else if (IsHostName(place)) rule = new(text, place.TrimEnd('.').ToLowerInvariant(), default, port);
        else return false;
        error = null;
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => _text;

    internal bool MatchesPort(ushort port) => _port == 0 || _port == port;

    internal bool MatchesAddress(IpAddress address) => _name is null && address.IsWithin(_block, _prefix);

    /// <summary>True if all addresses that the rule means are of a block.</summary>
    internal bool LiesWithin(IpAddress block, int prefix) => _name is null && _prefix >= prefix && _block.IsWithin(block, prefix);

    /// <summary>True if a name, in small letters and without the last dot, is one that the rule means.</summary>
    internal bool MatchesName(string name) => _name is { } own
        && (own.StartsWith("*.", StringComparison.Ordinal) ? name.EndsWith(own[1..], StringComparison.Ordinal) : name == own);

    private static bool TrySplit(string text, out string place, out ushort port)
    {
        place = text;
        port = 0;
        int colon = text.LastIndexOf(':');
        bool bracketed = text.StartsWith('[');
        // A bare IPv6 address has many colons and no port.
        bool hasPort = bracketed ? text.Contains("]:", StringComparison.Ordinal) : colon >= 0 && text.IndexOf(':', StringComparison.Ordinal) == colon;
        if (hasPort)
        {
            if (!ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port == 0) return false;
            place = text[..colon];
        }
        if (bracketed && !place.EndsWith(']')) return false;
        if (bracketed) place = place[1..^1];
        return place.Length > 0;
    }

    private static bool TryParseBlock(string place, out (IpAddress Block, int Prefix) block)
    {
        block = default;
        int slash = place.IndexOf('/', StringComparison.Ordinal);
        string address = slash < 0 ? place : place[..slash];
        bool isNumber = address.Contains(':', StringComparison.Ordinal) || address.Count(static c => c == '.') == 3;
        if (!isNumber || !IPAddress.TryParse(address, out IPAddress? parsed)) return false;
        IpAddress ip = IpAddress.From(parsed);
        int most = ip.IsV4 ? 32 : 128, prefix = most;
        if (slash >= 0 && (!int.TryParse(place.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out prefix) || prefix > most)) return false;
        block = (ip, prefix);
        return true;
    }

    private static bool IsHostName(string place)
    {
        string name = place.StartsWith("*.", StringComparison.Ordinal) ? place[2..] : place;
        return name.Length is > 0 and <= 253 && name.Any(char.IsAsciiLetter)
            && name.TrimEnd('.').Split('.').All(static l => l.Length is > 0 and <= 63 && l.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));
    }
}
