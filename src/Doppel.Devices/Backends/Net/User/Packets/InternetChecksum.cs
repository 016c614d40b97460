using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Packets;

/// <summary>
/// The Internet checksum (RFC 1071). Sums are kept in the host's byte order, which the one's complement sum allows (RFC 1071, 2 B), and
/// turned at the end. Pure functions.
/// </summary>
internal static class InternetChecksum
{
    /// <summary>Adds bytes to a sum. Only the last piece of a sum may have an odd length.</summary>
    internal static ulong Add(ulong sum, ReadOnlySpan<byte> data)
    {
        if (data.Length >= 2 * Vector<byte>.Count)
        {
            ReadOnlySpan<Vector<uint>> vectors = MemoryMarshal.Cast<byte, Vector<uint>>(data);
            sum = AddFolded(sum, Sum(vectors));
            data = data[(vectors.Length * Vector<byte>.Count)..];
        }
        for (; data.Length >= 4; data = data[4..]) sum += MemoryMarshal.Read<uint>(data);
        if (data.Length >= 2)
        {
            sum += MemoryMarshal.Read<ushort>(data);
            data = data[2..];
        }
        if (!data.IsEmpty) sum += BitConverter.IsLittleEndian ? data[0] : (uint)data[0] << 8;
        return sum;
    }

    /// <summary>Adds the pseudo-header that guards the addresses (RFC 9293, 3.1; RFC 8200, 8.1).</summary>
    internal static ulong AddPseudoHeader(ulong sum, IpAddress source, IpAddress destination, byte protocol, int length)
    {
        Span<byte> header = stackalloc byte[40];
        header.Clear();
        int addresses = source.Length;
        source.Write(header);
        destination.Write(header[addresses..]);
        // Sums do not care whether a number takes two bytes or four.
        BinaryPrimitives.WriteInt32BigEndian(header[(2 * addresses)..], length);
        header[(2 * addresses) + 7] = protocol;
        return Add(sum, header[..((2 * addresses) + 8)]);
    }

    /// <summary>Folds a sum to 16 bits, as a number of the packet's byte order.</summary>
    internal static ushort Fold(ulong sum)
    {
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        return BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness((ushort)sum) : (ushort)sum;
    }

    /// <summary>The checksum of a sum: what stands in the header.</summary>
    internal static ushort Finish(ulong sum) => (ushort)~Fold(sum);

    /// <summary>The checksum of some bytes.</summary>
    internal static ushort Of(ReadOnlySpan<byte> data) => Finish(Add(0, data));

    private static ulong AddFolded(ulong sum, ulong other) => sum + (other & 0xffff_ffff) + (other >> 32);

    // 64-bit lanes can not overflow: a packet has far fewer than 2^32 words.
    private static ulong Sum(ReadOnlySpan<Vector<uint>> vectors)
    {
        Vector<ulong> low = Vector<ulong>.Zero, high = Vector<ulong>.Zero;
        foreach (Vector<uint> vector in vectors)
        {
            Vector.Widen(vector, out Vector<ulong> a, out Vector<ulong> b);
            low += a;
            high += b;
        }
        return Vector.Sum(low + high);
    }
}
