namespace Doppel.Devices.Backends.Net;

/// <summary>How a frame that is longer than the network takes is to be cut.</summary>
public enum NetSegmentation : byte
{
    /// <summary>Not at all: it fits.</summary>
    None,

    /// <summary>Into TCP segments over IPv4.</summary>
    Tcp4,

    /// <summary>Into TCP segments over IPv6.</summary>
    Tcp6,

    /// <summary>Into UDP datagrams (as opposed to fragments of one) over either.</summary>
    Udp,
}

/// <summary>
/// What a sender has left for later to do with a frame (virtio 1.2, section 5.1.6.2), in host order. Whoever hands it on has checked
/// that the offsets lie in the frame.
/// </summary>
/// <param name="NeedsChecksum">A checksum from <paramref name="ChecksumStart"/> to the frame's end is to be put at start plus offset.</param>
/// <param name="ChecksumStart">First byte that it covers.</param>
/// <param name="ChecksumOffset">Where it goes, from there; the pseudo header's sum is there already.</param>
/// <param name="Segmentation">How to cut the frame.</param>
/// <param name="SegmentSize">Most payload of each part; not zero where the frame is cut.</param>
/// <param name="HeaderLength">Length of the headers, a hint that may be wrong or zero.</param>
/// <param name="ChecksumValid">The checksums have been checked and need no second look.</param>
/// <param name="Ecn">The frame carries TCP's CWR flag, which belongs to the first part only.</param>
public readonly record struct NetOffload(
    bool NeedsChecksum, ushort ChecksumStart, ushort ChecksumOffset, NetSegmentation Segmentation, ushort SegmentSize, ushort HeaderLength,
    bool ChecksumValid, bool Ecn = false);

/// <summary>What one side of a link takes from the other.</summary>
/// <param name="Checksum">Frames whose checksum is left to do.</param>
/// <param name="Tcp4">TCP over IPv4 that is left to cut.</param>
/// <param name="Tcp6">TCP over IPv6 that is left to cut.</param>
/// <param name="Udp">UDP that is left to cut.</param>
/// <param name="Mtu">Longest payload of a frame that needs no cutting, in bytes.</param>
public readonly record struct NetCapabilities(bool Checksum, bool Tcp4, bool Tcp6, bool Udp, int Mtu)
{
    /// <summary>MTU of Ethernet.</summary>
    public const int EthernetMtu = 1500;

    /// <summary>Plain Ethernet: nothing left to do.</summary>
    public static NetCapabilities Plain => new(false, false, false, false, EthernetMtu);

    /// <summary>Everything, at Ethernet's MTU.</summary>
    public static NetCapabilities All => new(true, true, true, true, EthernetMtu);

    /// <summary>True if a frame with this offload is taken.</summary>
    public bool Takes(in NetOffload offload) => (Checksum || !offload.NeedsChecksum) && offload.Segmentation switch
    {
        NetSegmentation.None => true,
        NetSegmentation.Tcp4 => Tcp4,
        NetSegmentation.Tcp6 => Tcp6,
        _ => Udp,
    };
}
