using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Net;

/// <summary>The Internet's checksum (RFC 1071), for frames that somebody has left to complete. Thread contract: stateless.</summary>
public static class NetChecksum
{
    /// <summary>Computes what was left to do and puts it into the frame, which fits the offload.</summary>
    public static void Complete(Span<byte> frame, in NetOffload offload)
    {
        if (!offload.NeedsChecksum) return;
        // The place of the checksum holds the sum of the pseudo header, so it takes part.
        ushort sum = Finish(Sum(frame[offload.ChecksumStart..]));
        // Zero means that there is none (RFC 768); its other form has the same value.
        BinaryPrimitives.WriteUInt16BigEndian(frame[(offload.ChecksumStart + offload.ChecksumOffset)..], sum == 0 ? (ushort)0xFFFF : sum);
    }

    /// <summary>Adds up words, without carrying around.</summary>
    internal static ulong Sum(ReadOnlySpan<byte> data)
    {
        ulong sum = 0;
        for (; data.Length >= 4; data = data[4..]) sum += BinaryPrimitives.ReadUInt32BigEndian(data);
        if (data.Length >= 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(data);
            data = data[2..];
        }
        return data.IsEmpty ? sum : sum + ((ulong)data[0] << 8);
    }

    /// <summary>Carries around and inverts.</summary>
    internal static ushort Finish(ulong sum)
    {
        while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }
}
