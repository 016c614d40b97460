using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Policy;

/// <summary>Which addresses a router passes on at all. Pure functions.</summary>
internal static class IpScope
{
    // Blocks that never leave a host or a link (RFC 6890 and its registries): first address, prefix.
    private static readonly (IpAddress Block, int Prefix)[] s_neverRouted =
    [
        (IpAddress.FromV4(0x0000_0000), 8),  // this network; Linux takes 0.0.0.0 for the loopback
        (IpAddress.FromV4(0x7f00_0000), 8),  // loopback
        (IpAddress.FromV4(0xe000_0000), 4),  // multicast
        (IpAddress.FromV4(0xf000_0000), 4),  // reserved, broadcast
        (default, 96),                       // unspecified, loopback, IPv4-compatible
        (new(0xfe80UL << 48, 0), 10),        // link-local
        (new(0xff00UL << 48, 0), 8),         // multicast
    ];

    // Where clouds tell a host its credentials. Routers must not forward link-local addresses in any case (RFC 3927, 2.7).
    private static readonly (IpAddress Block, int Prefix)[] s_setApart =
    [
        (IpAddress.FromV4(0xa9fe_0000), 16),     // 169.254.0.0/16: link-local; nearly all clouds
        (IpAddress.FromV4(0x6464_64c8), 32),     // 100.100.100.200: Alibaba
        (new(0xfd00_0ec2UL << 32, 0), 32),       // fd00:ec2::/32: Amazon
        (new(0xfd20_00ceUL << 32, 0x254), 128),  // fd20:ce::254: Google
    ];

    /// <summary>True for addresses that name nothing outside of the host itself.</summary>
    internal static bool IsNeverRouted(IpAddress address) => Find(s_neverRouted, address) is not null;

    /// <summary>Finds the block of addresses that are passed on only where the user has named them, if an address is of such a one.</summary>
    internal static (IpAddress Block, int Prefix)? SetApart(IpAddress address) => Find(s_setApart, address);

    private static (IpAddress Block, int Prefix)? Find((IpAddress Block, int Prefix)[] blocks, IpAddress address)
    {
        foreach ((IpAddress Block, int Prefix) block in blocks)
        {
            if (address.IsWithin(block.Block, block.Prefix)) return block;
        }
        return null;
    }
}
