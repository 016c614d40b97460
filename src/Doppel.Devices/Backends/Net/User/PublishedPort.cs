using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User;

/// <summary>A port of the host that leads to a port of the guest.</summary>
/// <param name="HostAddress">The host's address to listen on; <see cref="IPAddress.Any"/> for all.</param>
/// <param name="HostPort">The host's port; 0 lets the host choose one.</param>
/// <param name="GuestPort">The guest's port.</param>
/// <param name="IsUdp">True for UDP, false for TCP.</param>
public sealed record PublishedPort(IPAddress HostAddress, ushort HostPort, ushort GuestPort, bool IsUdp)
{
    private const string UdpEnding = "/udp", TcpEnding = "/tcp";

    /// <summary>Reads <c>[IP:]HOST:GUEST[/udp]</c>. Without an address only the host itself can connect.</summary>
    /// <param name="text">For instance <c>8080:80</c> or <c>0.0.0.0:2222:22</c>.</param>
    /// <param name="port">What it says.</param>
    /// <param name="error">What is wrong with it, as a sentence.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out PublishedPort? port, [NotNullWhen(false)] out string? error)
    {
        port = null;
        error = $"'{text}' is no port to publish: give [IP:]HOST:GUEST[/udp], for instance 8080:80, 0.0.0.0:2222:22 or [::1]:5353:53/udp";
        bool udp = text.EndsWith(UdpEnding, StringComparison.Ordinal);
        string rest = udp ? text[..^UdpEnding.Length] : text.EndsWith(TcpEnding, StringComparison.Ordinal) ? text[..^TcpEnding.Length] : text;
        int guestColon = rest.LastIndexOf(':');
        if (guestColon < 0 || !TryParsePort(rest[(guestColon + 1)..], out ushort guest) || guest == 0) return false;
        rest = rest[..guestColon];
        int hostColon = rest.LastIndexOf(':');
        if (!TryParsePort(rest[(hostColon + 1)..], out ushort host)) return false;
        IPAddress? address = IPAddress.Loopback;
        if (hostColon >= 0 && !IPAddress.TryParse(rest[..hostColon].Trim('[', ']'), out address)) return false;
        port = new(address, host, guest, udp);
        error = null;
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{new IPEndPoint(HostAddress, HostPort)}:{GuestPort}{(IsUdp ? UdpEnding : "")}";

    internal IpEndpoint HostEndpoint => IpEndpoint.From(HostAddress, HostPort);

    private static bool TryParsePort(string text, out ushort port) => ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port);
}
