using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace Doppel;

/// <summary>Who has which address in a user network. Immutable.</summary>
/// <param name="Network">The network's first address.</param>
/// <param name="Bits">How many bits all its addresses share.</param>
internal sealed record UserSubnet(uint Network, int Bits)
{
    private const int FewestBits = 8, MostBits = 27;

    public IPAddress Host => At(2);

    public IPAddress NameServer => At(3);

    public IPAddress Guest => At(15);

    public IPAddress First => At(0);

    /// <summary>Reads <c>10.0.9.0/24</c>.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out UserSubnet? subnet)
    {
        subnet = null;
        if (!IPNetwork.TryParse(text, out IPNetwork network) || network.BaseAddress.AddressFamily != AddressFamily.InterNetwork) return false;
        if (network.PrefixLength is < FewestBits or > MostBits) return false;
        Span<byte> bytes = stackalloc byte[4];
        network.BaseAddress.TryWriteBytes(bytes, out _);
        subnet = new UserSubnet(BinaryPrimitives.ReadUInt32BigEndian(bytes), network.PrefixLength);
        return true;
    }

    private IPAddress At(uint number)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Network + number);
        return new IPAddress(bytes);
    }
}
