using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Packets;

/// <summary>Who has which address on the network behind the user back end. Plain data.</summary>
internal sealed record AddressPlan
{
    internal required IpAddress Network4 { get; init; }

    internal required int PrefixLength4 { get; init; }

    internal required IpAddress Host4 { get; init; }

    internal required IpAddress Dns4 { get; init; }

    internal required IpAddress Guest4 { get; init; }

    internal required IpAddress Network6 { get; init; }

    internal required IpAddress Host6 { get; init; }

    internal required IpAddress Dns6 { get; init; }

    internal required bool HasV6 { get; init; }

    internal required int Mtu { get; init; }

    /// <summary>IPv6 networks of one link have prefixes of 64 bits (RFC 4291, 2.5.1).</summary>
    internal static int PrefixLength6 => 64;

    /// <summary>Addresses of one link share this prefix (RFC 4291, 2.5.6).</summary>
    internal static int LinkLocalPrefix6 => 10;

    /// <summary>The router's link-local address, which advertisements come from (RFC 4861, 4.2): interface identifier 2, as the host has.</summary>
    internal static IpAddress Router6 => new(0xfe80UL << 48, 2);

    internal static IpAddress AllNodes6 => new(0xff02UL << 48, 1);

    internal static IpAddress AllRouters6 => new(0xff02UL << 48, 2);

    internal static IpAddress DhcpServers6 => new(0xff02UL << 48, 0x1_0002);

    /// <summary>The Ethernet address of everything that is not the guest: locally administered (IEEE 802), "host 2" as above.</summary>
    internal static MacAddress RouterMac => new(0x5255_0a00_0202);

    internal IpAddress Broadcast4 => IpAddress.FromV4(Network4.V4 | (uint)(0xffff_ffffUL >> PrefixLength4));

    internal uint Mask4 => ~(uint)(0xffff_ffffUL >> PrefixLength4);

    internal bool IsOnLink(IpAddress address)
        => address.IsV4 ? address.IsWithin(Network4, PrefixLength4) : address.IsWithin(Network6, PrefixLength6) || IsLinkLocal6(address);

    /// <summary>True for addresses that this side answers for.</summary>
    internal bool IsOurs(IpAddress address)
        => address == Host4 || address == Dns4 || (HasV6 && (address == Host6 || address == Dns6 || address == Router6));

    internal bool IsDns(IpAddress address) => address == Dns4 || (HasV6 && address == Dns6);

    internal bool IsHost(IpAddress address) => address == Host4 || (HasV6 && (address == Host6 || address == Router6));

    internal static bool IsLinkLocal6(IpAddress address) => address.IsWithin(Router6, LinkLocalPrefix6);
}

/// <summary>The four numbers that tell one TCP connection or UDP exchange from all others on the guest's network.</summary>
internal readonly record struct FlowKey(IpAddress Guest, ushort GuestPort, IpAddress Remote, ushort RemotePort);
