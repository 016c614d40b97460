using System.Net;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Devices.Backends.Net.User.Policy;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User;

/// <summary>How the guest's private network looks. The addresses are those that users of QEMU's user networking know.</summary>
public sealed record UserNetworkOptions
{
    private const int LeastMtu = 1280;
    private const int MostMtu = 65520;

    /// <summary>The IPv4 network.</summary>
    public IPAddress Network4 { get; init; } = new([10, 0, 2, 0]);

    /// <summary>How many bits of <see cref="Network4"/> all its machines share: 8 to 28.</summary>
    public int PrefixLength4 { get; init; } = 24;

    /// <summary>The router, and the host's loopback.</summary>
    public IPAddress Host4 { get; init; } = new([10, 0, 2, 2]);

    /// <summary>The name server.</summary>
    public IPAddress Dns4 { get; init; } = new([10, 0, 2, 3]);

    /// <summary>The guest; what is published leads there.</summary>
    public IPAddress Guest4 { get; init; } = new([10, 0, 2, 15]);

    /// <summary>True to give the guest IPv6 too.</summary>
    public bool HasV6 { get; init; } = true;

    /// <summary>The IPv6 network, of which 64 bits are the prefix.</summary>
    public IPAddress Network6 { get; init; } = IPAddress.Parse("fec0::");

    /// <summary>The router, and the host's loopback.</summary>
    public IPAddress Host6 { get; init; } = IPAddress.Parse("fec0::2");

    /// <summary>The name server.</summary>
    public IPAddress Dns6 { get; init; } = IPAddress.Parse("fec0::3");

    /// <summary>The guest's name, which DHCP tells it: letters, digits and hyphens, at most 63.</summary>
    public string HostName { get; init; } = "doppel";

    /// <summary>Longest IP packet in bytes: 1280 to 65520. Segmentation offload makes larger ones than Ethernet's needless.</summary>
    public int Mtu { get; init; } = NetCapabilities.EthernetMtu;

    /// <summary>Ports of the host that lead to the guest.</summary>
    public IReadOnlyList<PublishedPort> Publishes { get; init; } = [];

    /// <summary>If not empty, the guest reaches these places and no others, the host included.</summary>
    public IReadOnlyList<EgressRule> Allow { get; init; } = [];

    /// <summary>True to let the guest reach nothing, not even the host; published ports still lead in.</summary>
    public bool Restrict { get; init; }

    /// <summary>False to keep the host's loopback out of reach unless <see cref="Allow"/> names it.</summary>
    public bool ReachesHost { get; init; } = true;

    /// <summary>Domains in which the guest is to look for short names, after that of its own network.</summary>
    public IReadOnlyList<string> Search { get; init; } = [];

    /// <summary>The name servers to ask; null for those that the host asks.</summary>
    public IReadOnlyList<IPEndPoint>? Resolvers { get; init; }

    /// <summary>Checks the options.</summary>
    /// <exception cref="ArgumentException">Something does not fit; the message says what.</exception>
    internal AddressPlan ToPlan()
    {
        if (PrefixLength4 is < 8 or > 28) throw new ArgumentException($"A user network's prefix has 8 to 28 bits, not {PrefixLength4}");
        if (Mtu is < LeastMtu or > MostMtu) throw new ArgumentException($"A user network's MTU is {LeastMtu} to {MostMtu} bytes, not {Mtu}");
        if (HostName.Length is 0 or > 63 || !HostName.All(static c => char.IsAsciiLetterOrDigit(c) || c == '-'))
            throw new ArgumentException($"'{HostName}' is no host name: use letters, digits and hyphens, at most 63");
        IpAddress network = IpAddress.From(Network4);
        if (!network.IsV4) throw new ArgumentException($"{Network4} is no IPv4 network");
        AddressPlan plan = new()
        {
            Network4 = IpAddress.FromV4(network.V4 & ~(uint)(0xffff_ffffUL >> PrefixLength4)), PrefixLength4 = PrefixLength4,
            Host4 = IpAddress.From(Host4), Dns4 = IpAddress.From(Dns4), Guest4 = IpAddress.From(Guest4),
            Network6 = new(IpAddress.From(Network6).High, 0), Host6 = IpAddress.From(Host6), Dns6 = IpAddress.From(Dns6),
            HasV6 = HasV6, Mtu = Mtu,
        };
        if (!AreApart(plan.Network4, PrefixLength4, plan.Host4, plan.Dns4, plan.Guest4))
            throw new ArgumentException($"Host, name server and guest need three addresses in {Network4}/{PrefixLength4}");
        if (!AreApart(plan.Network6, AddressPlan.PrefixLength6, plan.Host6, plan.Dns6))
            throw new ArgumentException($"Host and name server need two addresses in {Network6}/{AddressPlan.PrefixLength6}");
        return plan;
    }

    private static bool AreApart(IpAddress network, int prefixLength, params ReadOnlySpan<IpAddress> ends)
    {
        for (int i = 0; i < ends.Length; i++)
        {
            if (!ends[i].IsWithin(network, prefixLength) || ends[..i].Contains(ends[i])) return false;
        }
        return true;
    }
}
