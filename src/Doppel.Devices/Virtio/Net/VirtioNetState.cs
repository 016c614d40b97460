using Doppel.Devices.Backends.Net;

namespace Doppel.Devices.Virtio.Net;

/// <summary>All state of a <see cref="VirtioNet"/> that is not in its queues: plain data.</summary>
public sealed record VirtioNetState
{
    /// <summary>The driver is there.</summary>
    public bool Active { get; internal set; }

    /// <summary>Feature bits that the driver chose.</summary>
    public ulong Features { get; internal set; }

    /// <summary>Offloads that the driver takes at present, as feature bits.</summary>
    public ulong GuestOffloads { get; internal set; }

    /// <summary>Address of the guest.</summary>
    public MacAddress Mac { get; internal set; }

    /// <summary>Pairs of queues in use.</summary>
    public int QueuePairs { get; internal set; } = 1;

    /// <summary>How the driver wants frames filtered. A driver that never says gets all of them.</summary>
    public NetReceiveMode Mode { get; internal set; } = NetReceiveMode.Promiscuous;

    /// <summary>Addresses of single machines, beyond its own, that the driver wants.</summary>
    public IReadOnlyList<MacAddress> Unicast { get; internal set; } = [];

    /// <summary>Addresses of groups that the driver wants.</summary>
    public IReadOnlyList<MacAddress> Multicast { get; internal set; } = [];

    /// <summary>Virtual LANs that the driver wants, as a bit map, where it has agreed to say so.</summary>
    public IReadOnlyList<ulong> Vlans { get; internal set; } = new ulong[64];
}

/// <summary>Which frames the driver wants (virtio 1.2, section 5.1.6.5.1).</summary>
[Flags]
public enum NetReceiveMode : byte
{
    /// <summary>Those for its addresses, and for everybody.</summary>
    None = 0,

    /// <summary>All.</summary>
    Promiscuous = 1 << 0,

    /// <summary>All that are for a group.</summary>
    AllMulticast = 1 << 1,

    /// <summary>All that are for a single machine.</summary>
    AllUnicast = 1 << 2,

    /// <summary>None for groups.</summary>
    NoMulticast = 1 << 3,

    /// <summary>None for single machines.</summary>
    NoUnicast = 1 << 4,

    /// <summary>None for everybody.</summary>
    NoBroadcast = 1 << 5,
}
