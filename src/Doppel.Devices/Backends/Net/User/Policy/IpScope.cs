using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Policy;

/// <summary>Which addresses a router passes on at all. Pure functions.</summary>
internal static class IpScope
{
    // Blocks that never leave a host or a link (RFC 6890 and its registries): first address, prefix.
    private static readonly (uint Block, int Prefix)[] s_blocks4 =
    [
        (0x0000_0000, 8),  // this network; Linux takes 0.0.0.0 for the loopback
        (0x7f00_0000, 8),  // loopback
        (0xe000_0000, 4),  // multicast
        (0xf000_0000, 4),  // reserved, broadcast
    ];

    private static readonly (UInt128 Block, int Prefix)[] s_blocks6 =
    [
        (0, 96),                    // unspecified, loopback, IPv4-compatible
        ((UInt128)0xffff << 32, 96), // IPv4-mapped
        ((UInt128)0xfe80 << 112, 10), // link-local
        ((UInt128)0xff00 << 112, 8), // multicast
    ];

    // Routers must not forward these (RFC 3927, 2.7); a cloud's metadata service, with the host's credentials, lives there.
    private static readonly (uint Block, int Prefix) s_linkLocal4 = (0xa9fe_0000, 16);

    /// <summary>True for addresses that name nothing outside of the host itself.</summary>
    internal static bool IsNeverRouted(IpAddress address)
    {
        if (address.IsV4)
        {
            foreach ((uint block, int prefix) in s_blocks4)
            {
                if (address.IsWithin(IpAddress.FromV4(block), prefix)) return true;
            }
            return false;
        }
        foreach ((UInt128 block, int prefix) in s_blocks6)
        {
            if ((address.Bits ^ block) >> (128 - prefix) == 0) return true;
        }
        return false;
    }

    /// <summary>True for addresses that are passed on only where the user has named them.</summary>
    internal static bool IsLinkLocal4(IpAddress address) => address.IsWithin(IpAddress.FromV4(s_linkLocal4.Block), s_linkLocal4.Prefix);
}
