using System.Buffers.Binary;
using Doppel.Devices.Backends.Net;

namespace Doppel.Devices.Virtio.Net;

/// <summary>Decides which frames the driver wants (virtio 1.2, section 5.1.6.5). Thread contract: stateless.</summary>
internal static class NetFilter
{
    /// <summary>Most addresses in a table; with more, the filter lets everything of the kind through, as a device may.</summary>
    internal const int MaxAddresses = 64;

    private const int TypeOffset = 12, TagOffset = 14;
    private const ushort VlanType = 0x8100, VlanMask = 0xFFF;

    /// <summary>
    /// True if the frame is to be handed over. In promiscuous mode that is all frames, those of other virtual LANs included (section 5.1.6.5.1).
    /// </summary>
    internal static bool Passes(VirtioNetState state, ReadOnlySpan<byte> frame)
        => (state.Mode & NetReceiveMode.Promiscuous) != 0 || (PassesVlan(state, frame) && PassesAddress(state, MacAddress.Read(frame)));

    private static bool PassesAddress(VirtioNetState state, MacAddress to)
    {
        NetReceiveMode mode = state.Mode;
        if (to == MacAddress.Broadcast) return (mode & NetReceiveMode.NoBroadcast) == 0;
        if (to.IsGroup)
        {
            if ((mode & NetReceiveMode.NoMulticast) != 0) return false;
            return (mode & NetReceiveMode.AllMulticast) != 0 || state.Multicast.Contains(to);
        }
        if ((mode & NetReceiveMode.NoUnicast) != 0) return false;
        return (mode & NetReceiveMode.AllUnicast) != 0 || to == state.Mac || state.Unicast.Contains(to);
    }

    private static bool PassesVlan(VirtioNetState state, ReadOnlySpan<byte> frame)
    {
        if ((state.Features & NetFeatures.ControlVlan) == 0 || frame.Length < TagOffset + 2) return true;
        if (BinaryPrimitives.ReadUInt16BigEndian(frame[TypeOffset..]) != VlanType) return true;
        int vlan = BinaryPrimitives.ReadUInt16BigEndian(frame[TagOffset..]) & VlanMask;
        return (state.Vlans[vlan / 64] & 1UL << (vlan % 64)) != 0;
    }
}
