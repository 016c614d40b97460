using Doppel.Devices.Backends.Net;

namespace Doppel.Devices.Virtio.Net;

/// <summary>Feature bits of the network device (virtio 1.2, section 5.1.3; the segmentation of UDP is of virtio 1.3).</summary>
internal static class NetFeatures
{
    internal const ulong Checksum = 1UL << 0, GuestChecksum = 1UL << 1, ControlGuestOffloads = 1UL << 2, Mtu = 1UL << 3, Mac = 1UL << 5;
    internal const ulong GuestTso4 = 1UL << 7, GuestTso6 = 1UL << 8, GuestEcn = 1UL << 9;
    internal const ulong HostTso4 = 1UL << 11, HostTso6 = 1UL << 12, HostEcn = 1UL << 13;
    internal const ulong MergeBuffers = 1UL << 15, Status = 1UL << 16;
    internal const ulong Control = 1UL << 17, ControlRx = 1UL << 18, ControlVlan = 1UL << 19, ControlRxExtra = 1UL << 20;
    internal const ulong MultiQueue = 1UL << 22, ControlMac = 1UL << 23;
    internal const ulong GuestUso4 = 1UL << 54, GuestUso6 = 1UL << 55, HostUso = 1UL << 56;

    /// <summary>What the driver may change while it runs, and the bits of the command that does so (section 5.1.6.5.6).</summary>
    internal const ulong GuestOffloads = GuestChecksum | GuestTso4 | GuestTso6 | GuestEcn | GuestUso4 | GuestUso6;

    private const ulong Always = GuestOffloads | ControlGuestOffloads | Mtu | Mac | MergeBuffers | Status
        | Control | ControlRx | ControlVlan | ControlRxExtra | ControlMac;

    /// <summary>What a device offers.</summary>
    /// <param name="backend">What its back end takes.</param>
    /// <param name="pairs">Its pairs of queues.</param>
    internal static ulong Offered(NetCapabilities backend, int pairs) => Always
        | (backend.Checksum ? Checksum : 0)
        | (backend is { Checksum: true, Tcp4: true } ? HostTso4 | HostEcn : 0)
        | (backend is { Checksum: true, Tcp6: true } ? HostTso6 | HostEcn : 0)
        | (backend is { Checksum: true, Udp: true } ? HostUso : 0)
        | (pairs > 1 ? MultiQueue : 0);

    /// <summary>What a driver takes that has chosen, or later set, these offloads (section 5.1.3.1: each needs the checksum).</summary>
    internal static NetCapabilities GuestTakes(ulong offloads, int mtu)
    {
        bool checksum = (offloads & GuestChecksum) != 0;
        return new NetCapabilities(checksum, checksum && (offloads & GuestTso4) != 0, checksum && (offloads & GuestTso6) != 0,
            checksum && (offloads & GuestUso4) != 0 && (offloads & GuestUso6) != 0, mtu);
    }

    /// <summary>What a driver may leave to do.</summary>
    internal static NetCapabilities GuestGives(ulong features, int mtu) => new((features & Checksum) != 0, (features & HostTso4) != 0,
        (features & HostTso6) != 0, (features & HostUso) != 0, mtu);
}
