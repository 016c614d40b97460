using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Local;

/// <summary>Answers for the IPv4 addresses of this side, and asks for the guest's (RFC 826). Thread contract: the event loop's thread.</summary>
internal sealed class ArpService(StackContext context)
{
    private const int Length = 28;
    private const ushort Request = 1, Reply = 2;

    internal void Input(ReadOnlySpan<byte> packet)
    {
        // Ethernet and IPv4 with their address lengths: the one kind there is.
        if (packet.Length < Length || BinaryPrimitives.ReadUInt64BigEndian(packet) >> 16 != 0x0001_0800_0604) return;
        MacAddress sender = MacAddress.Read(packet[8..]);
        IpAddress senderIp = IpAddress.Read(packet.Slice(14, 4)), target = IpAddress.Read(packet.Slice(24, 4));
        AddressPlan plan = context.Plan;
        if (!sender.IsGroup && plan.IsOnLink(senderIp) && !plan.IsOurs(senderIp)) context.Link.Neighbours.Learn(senderIp, sender);
        if (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) == Request && plan.IsOurs(target)) Send(Reply, target, sender, senderIp);
    }

    /// <summary>Asks who has an address.</summary>
    internal void Ask(IpAddress address) => Send(Request, context.Plan.Host4, MacAddress.Broadcast, address);

    private void Send(ushort operation, IpAddress from, MacAddress to, IpAddress toIp)
    {
        Span<byte> packet = context.Link.BeginRaw()[..Length];
        BinaryPrimitives.WriteUInt64BigEndian(packet, (0x0001_0800_0604UL << 16) | operation);
        AddressPlan.RouterMac.Write(packet[8..]);
        from.Write(packet[14..]);
        (operation == Request ? default : to).Write(packet[18..]);
        toIp.Write(packet[24..]);
        context.Link.SendRaw(to, EtherType.Arp, Length);
    }
}
