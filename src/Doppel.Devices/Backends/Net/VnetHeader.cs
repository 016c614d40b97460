using System.Buffers.Binary;

namespace Doppel.Devices.Backends.Net;

/// <summary>
/// The header in front of a frame (virtio 1.2, section 5.1.6), which TAP devices use as well. Thread contract: stateless.
/// </summary>
public static class VnetHeader
{
    /// <summary>Length in bytes, without the count of buffers that a virtio device appends.</summary>
    public const int Size = 10;

    /// <summary>Shortest frame: destination, source, type.</summary>
    public const int MinFrame = 14;

    /// <summary>Longest frame: 64 KiB of IP packet, a header with two VLAN tags.</summary>
    public const int MaxFrame = 65535 + 22;

    private const byte NeedsChecksum = 1, DataValid = 2;
    private const byte GsoNone = 0, GsoTcp4 = 1, GsoTcp6 = 4, GsoUdpL4 = 5, GsoEcn = 0x80;

    /// <summary>Reads a header that may hold anything.</summary>
    /// <param name="header">At least <see cref="Size"/> bytes, which do not change any more.</param>
    /// <param name="frameLength">Length of the frame.</param>
    /// <param name="offload">What it says.</param>
    /// <returns>False if it does not fit the frame.</returns>
    public static bool TryRead(ReadOnlySpan<byte> header, int frameLength, out NetOffload offload)
    {
        offload = default;
        if (frameLength is < MinFrame or > MaxFrame) return false;
        byte flags = header[0];
        NetSegmentation? kind = (header[1] & ~GsoEcn) switch
        {
            GsoNone => NetSegmentation.None,
            GsoTcp4 => NetSegmentation.Tcp4,
            GsoTcp6 => NetSegmentation.Tcp6,
            GsoUdpL4 => NetSegmentation.Udp,
            _ => null,
        };
        if (kind is not { } segmentation) return false;
        bool needsChecksum = (flags & NeedsChecksum) != 0, isCut = segmentation != NetSegmentation.None;
        ushort headerLength = BinaryPrimitives.ReadUInt16LittleEndian(header[2..]), size = BinaryPrimitives.ReadUInt16LittleEndian(header[4..]);
        ushort start = BinaryPrimitives.ReadUInt16LittleEndian(header[6..]), offset = BinaryPrimitives.ReadUInt16LittleEndian(header[8..]);
        if (needsChecksum && start + offset + 2 > frameLength) return false;
        // Section 5.1.6.2.1: who leaves the cutting leaves the checksum as well.
        if (isCut && (!needsChecksum || size == 0)) return false;
        offload = new NetOffload(needsChecksum, needsChecksum ? start : (ushort)0, needsChecksum ? offset : (ushort)0, segmentation,
            isCut ? size : (ushort)0, Math.Min(headerLength, (ushort)Math.Min(frameLength, ushort.MaxValue)), (flags & DataValid) != 0,
            isCut && (header[1] & GsoEcn) != 0);
        return true;
    }

    /// <summary>Writes a header.</summary>
    public static void Write(in NetOffload offload, Span<byte> header)
    {
        header[0] = (byte)((offload.NeedsChecksum ? NeedsChecksum : 0) | (offload.ChecksumValid && !offload.NeedsChecksum ? DataValid : 0));
        header[1] = (byte)(offload.Segmentation switch
        {
            NetSegmentation.None => GsoNone,
            NetSegmentation.Tcp4 => GsoTcp4,
            NetSegmentation.Tcp6 => GsoTcp6,
            _ => GsoUdpL4,
        } | (offload.Ecn ? GsoEcn : 0));
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], offload.HeaderLength);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], offload.SegmentSize);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], offload.ChecksumStart);
        BinaryPrimitives.WriteUInt16LittleEndian(header[8..], offload.ChecksumOffset);
    }
}
