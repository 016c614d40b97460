using Doppel.Devices.Backends.Net.User.Naming;

namespace Doppel.Images;

/// <summary>How the image's process 1 sets up one network interface, before the command starts. Immutable.</summary>
public sealed record GuestNetwork
{
    /// <summary>By asking for an address (DHCP), while the command may run already.</summary>
    public static GuestNetwork Dhcp { get; } = new();

    /// <summary>With the addresses of a user network, which are known in advance.</summary>
    public static GuestNetwork User { get; } = new()
    {
        Address = "10.0.2.15/24",
        Gateway = "10.0.2.2",
        NameServer = "10.0.2.3",
        Address6 = "fec0::15/64",
        Gateway6 = "fec0::2",
        Search = ["doppel.internal"],
    };

    /// <summary>With the addresses of a user network of another subnet, and looking for short names where the host does.</summary>
    /// <param name="subnet">As in <see cref="NetworkConfig.Subnet"/>; for null, or what is none, the addresses are those of <see cref="User"/>.</param>
    public static GuestNetwork OfUser(string? subnet)
    {
        GuestNetwork usual = User with { Search = [.. User.Search, .. ResolverFile.Read().Search] };
        return !UserSubnet.TryParse(subnet, out UserSubnet? plan) ? usual : usual with
        {
            Address = $"{plan.Guest}/{plan.Bits}",
            Gateway = plan.Host.ToString(),
            NameServer = plan.NameServer.ToString(),
        };
    }

    /// <summary>With an IPv4 address that is made of the Ethernet address, for a network where nobody gives out any (RFC 3927).</summary>
    public static GuestNetwork LinkLocal { get; } = new() { IsLinkLocal = true };

    /// <summary>IPv4 address and length of the network's part, as in <c>10.0.2.15/24</c>; null to ask.</summary>
    public string? Address { get; init; }

    /// <summary>IPv4 address of the router, or null.</summary>
    public string? Gateway { get; init; }

    /// <summary>Address of the name server, or null.</summary>
    public string? NameServer { get; init; }

    /// <summary>IPv6 address and length of the network's part, or null.</summary>
    public string? Address6 { get; init; }

    /// <summary>IPv6 address of the router, or null.</summary>
    public string? Gateway6 { get; init; }

    /// <summary>Domains in which short names are looked for.</summary>
    public IReadOnlyList<string> Search { get; init; } = [];

    /// <summary>True for <see cref="LinkLocal"/>.</summary>
    public bool IsLinkLocal { get; private init; }

    /// <summary>What suits a kind of network.</summary>
    /// <param name="kind">Where the device leads.</param>
    public static GuestNetwork Of(NetworkKind kind) => kind switch { NetworkKind.User => User, NetworkKind.Socket => LinkLocal, _ => Dhcp };

    /// <summary>The word that process 1 reads.</summary>
    internal string ToWord() => IsLinkLocal ? "link-local" : Address is null ? "dhcp"
        : string.Join(',', Address, Gateway, NameServer, Address6, Gateway6, string.Join('/', Search));
}
