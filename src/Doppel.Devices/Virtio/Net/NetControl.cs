using System.Buffers.Binary;
using Doppel.Devices.Backends.Net;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Net;

/// <summary>
/// The commands of the control queue (virtio 1.2, section 5.1.6.5; section numbers are that document's). One that is not known, not agreed
/// on or not well formed is refused and changes nothing. Thread contract: the device's lock is held.
/// </summary>
internal sealed class NetControl(VirtioNetState state, int maxPairs)
{
    private const byte Ok = 0, Error = 1;
    private const int HeaderSize = 2;
    private const int MaxPairsSize = 2, VlanSize = 2, OffloadsSize = 8;

    private enum CommandClass : byte
    {
        Rx = 0,
        Mac = 1,
        Vlan = 2,
        MultiQueue = 4,
        GuestOffloads = 5,
    }

    /// <summary>Executes one command.</summary>
    /// <returns>Bytes written, or null if the request has no header or no place for the answer.</returns>
    internal uint? Execute(VirtQueueChain chain)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        if (chain.WritableLength < 1 || chain.CopyOut(0, header) != HeaderSize) return null;
        bool done = (CommandClass)header[0] switch
        {
            CommandClass.Rx => SetMode(header[1], chain),
            CommandClass.Mac => header[1] == 0 ? SetTables(chain) : header[1] == 1 && SetAddress(chain),
            CommandClass.Vlan => SetVlan(header[1], chain),
            CommandClass.MultiQueue => header[1] == 0 && SetPairs(chain),
            CommandClass.GuestOffloads => header[1] == 0 && SetOffloads(chain),
            _ => false,
        };
        return (uint)chain.CopyIn(0, [done ? Ok : Error]);
    }

    private bool Has(ulong feature) => (state.Features & feature) != 0;

    // Section 5.1.6.5.1: the command's number is that of the mode's bit; the last four need a feature of their own.
    private bool SetMode(byte command, VirtQueueChain chain)
    {
        Span<byte> on = stackalloc byte[1];
        if (command > 5 || !Has(command < 2 ? NetFeatures.ControlRx : NetFeatures.ControlRxExtra)) return false;
        if (chain.CopyOut(HeaderSize, on) != 1 || on[0] > 1) return false;
        NetReceiveMode bit = (NetReceiveMode)(1 << command);
        state.Mode = on[0] != 0 ? state.Mode | bit : state.Mode & ~bit;
        return true;
    }

    private bool SetAddress(VirtQueueChain chain)
    {
        Span<byte> address = stackalloc byte[MacAddress.Size];
        if (!Has(NetFeatures.ControlMac) || chain.ReadableLength != HeaderSize + MacAddress.Size || chain.CopyOut(HeaderSize, address) != address.Length)
            return false;
        state.Mac = MacAddress.Read(address);
        return true;
    }

    // Section 5.1.6.5.2: two tables, each a count and that many addresses.
    private bool SetTables(VirtQueueChain chain)
    {
        uint offset = HeaderSize;
        if (!Has(NetFeatures.ControlRx)) return false;
        if (!TryReadTable(chain, ref offset, out List<MacAddress>? unicast) || !TryReadTable(chain, ref offset, out List<MacAddress>? multicast)) return false;
        if (offset != chain.ReadableLength) return false;
        state.Unicast = unicast ?? [];
        state.Multicast = multicast ?? [];
        // A table that is too long is as if its kind were not filtered; the driver sets the mode anew with each table.
        if (unicast is null) state.Mode |= NetReceiveMode.AllUnicast;
        if (multicast is null) state.Mode |= NetReceiveMode.AllMulticast;
        return true;
    }

    private static bool TryReadTable(VirtQueueChain chain, ref uint offset, out List<MacAddress>? table)
    {
        table = null;
        Span<byte> bytes = stackalloc byte[MacAddress.Size * NetFilter.MaxAddresses];
        if (chain.CopyOut(offset, bytes[..4]) != 4) return false;
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        offset += 4;
        if (count > (chain.ReadableLength - offset) / MacAddress.Size) return false;
        uint first = offset;
        offset += count * MacAddress.Size;
        if (count > NetFilter.MaxAddresses) return true;
        bytes = bytes[..((int)count * MacAddress.Size)];
        if (chain.CopyOut(first, bytes) != bytes.Length) return false;
        table = [];
        for (int i = 0; i < (int)count; i++) table.Add(MacAddress.Read(bytes[(i * MacAddress.Size)..]));
        return true;
    }

    private bool SetVlan(byte command, VirtQueueChain chain)
    {
        Span<byte> id = stackalloc byte[VlanSize];
        if (command > 1 || !Has(NetFeatures.ControlVlan) || chain.CopyOut(HeaderSize, id) != VlanSize) return false;
        int vlan = BinaryPrimitives.ReadUInt16LittleEndian(id);
        if (vlan >= 4096) return false;
        ulong[] map = [.. state.Vlans];
        map[vlan / 64] = command == 0 ? map[vlan / 64] | 1UL << (vlan % 64) : map[vlan / 64] & ~(1UL << (vlan % 64));
        state.Vlans = map;
        return true;
    }

    // Section 5.1.6.5.5.
    private bool SetPairs(VirtQueueChain chain)
    {
        Span<byte> bytes = stackalloc byte[MaxPairsSize];
        if (!Has(NetFeatures.MultiQueue) || chain.CopyOut(HeaderSize, bytes) != MaxPairsSize) return false;
        int pairs = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
        if (pairs < 1 || pairs > maxPairs) return false;
        state.QueuePairs = pairs;
        return true;
    }

    // Section 5.1.6.5.6: only what was agreed on can be switched on again.
    private bool SetOffloads(VirtQueueChain chain)
    {
        Span<byte> bytes = stackalloc byte[OffloadsSize];
        if (!Has(NetFeatures.ControlGuestOffloads) || chain.CopyOut(HeaderSize, bytes) != OffloadsSize) return false;
        ulong offloads = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        if ((offloads & ~(state.Features & NetFeatures.GuestOffloads)) != 0) return false;
        state.GuestOffloads = offloads;
        return true;
    }
}
