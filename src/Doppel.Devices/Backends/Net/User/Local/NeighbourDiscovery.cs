using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Naming;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Local;

/// <summary>
/// The router of the guest's IPv6 network: answers for the addresses of this side and advertises the prefix, from which the guest makes its
/// address, and the name server (RFC 4861, RFC 4862, RFC 8106). Thread contract: the event loop's thread.
/// </summary>
internal sealed class NeighbourDiscovery
{
    internal const byte RouterSolicitation = 133, RouterAdvertisement = 134, NeighbourSolicitation = 135, NeighbourAdvertisement = 136;

    private const byte OptionSourceMac = 1, OptionTargetMac = 2, OptionPrefix = 3, OptionMtu = 5, OptionDns = 25, OptionSearch = 31;
    private const byte OtherConfiguration = 0x40, OnLinkAutonomous = 0xc0;
    private const int ChecksumOffset = 2;
    private const int RouterLifetimeSeconds = 1800;
    private const uint PrefixLifetimeSeconds = 86400;
    private const long AdvertiseEveryNs = 600_000_000_000;
    private const byte Believable = 255;
    private const int LongestSearch = 1000;

    private readonly StackContext _context;
    private readonly Alarm _alarm;
    private readonly byte[] _search;

    internal NeighbourDiscovery(StackContext context, IReadOnlyList<string> search)
    {
        _context = context;
        _search = DnsMessage.EncodeNames(search, LongestSearch);
        _alarm = new Alarm(Advertise);
    }

    /// <summary>Takes a message whose checksum is right. False if it is none of these.</summary>
    internal bool TryInput(in IpPacket packet, MacAddress sender)
    {
        byte type = packet.Payload[0];
        if (type is < RouterSolicitation or > NeighbourAdvertisement) return false;
        if (packet.HopLimit != Believable) return true;
        if (type == RouterSolicitation) Advertise();
        else if (packet.Payload.Length >= 24 && type == NeighbourSolicitation) Answer(packet, sender);
        else if (packet.Payload.Length >= 24 && type == NeighbourAdvertisement) Learn(IpAddress.Read(packet.Payload.Slice(8, 16)), sender);
        return true;
    }

    /// <summary>Asks who has an address.</summary>
    internal void Ask(IpAddress address)
    {
        Span<byte> message = _context.Link.Begin(v4: false);
        message[..8].Clear();
        message[0] = NeighbourSolicitation;
        address.Write(message[8..]);
        WriteMac(message[24..], OptionSourceMac);
        // The solicited-node address (RFC 4291, 2.7.1).
        IpAddress group = new(0xff02UL << 48, 0x1_ff00_0000 | (address.Low & 0xff_ffff));
        Send(AddressPlan.Router6, group, 32);
    }

    private void Learn(IpAddress address, MacAddress mac)
    {
        if (!address.IsV4 && _context.Plan.IsOnLink(address) && !_context.Plan.IsOurs(address)) _context.Link.Neighbours.Learn(address, mac);
    }

    private void Answer(in IpPacket packet, MacAddress sender)
    {
        IpAddress target = IpAddress.Read(packet.Payload.Slice(8, 16));
        if (target.IsV4 || !_context.Plan.IsOurs(target)) return;
        bool probe = packet.Source.IsUnspecified6;
        if (!probe) Learn(packet.Source, sender);
        Span<byte> message = _context.Link.Begin(v4: false);
        message[..8].Clear();
        message[0] = NeighbourAdvertisement;
        // Router, override; solicited unless it is somebody looking for a duplicate (RFC 4861, 7.2.4).
        message[4] = (byte)(probe ? 0xa0 : 0xe0);
        target.Write(message[8..]);
        WriteMac(message[24..], OptionTargetMac);
        Send(target, probe ? AddressPlan.AllNodes6 : packet.Source, 32);
    }

    private void Advertise()
    {
        _context.Alarms.Set(_alarm, _context.NowNs + AdvertiseEveryNs);
        AddressPlan plan = _context.Plan;
        Span<byte> message = _context.Link.Begin(v4: false)[..(16 + 8 + 8 + 32 + 24 + SearchLength)];
        message.Clear();
        message[0] = RouterAdvertisement;
        message[4] = 64;
        message[5] = OtherConfiguration;
        BinaryPrimitives.WriteUInt16BigEndian(message[6..], RouterLifetimeSeconds);
        WriteMac(message[16..], OptionSourceMac);
        Span<byte> mtu = message[24..];
        mtu[0] = OptionMtu;
        mtu[1] = 1;
        BinaryPrimitives.WriteInt32BigEndian(mtu[4..], plan.Mtu);
        Span<byte> prefix = message[32..];
        prefix[0] = OptionPrefix;
        prefix[1] = 4;
        prefix[2] = (byte)AddressPlan.PrefixLength6;
        prefix[3] = OnLinkAutonomous;
        BinaryPrimitives.WriteUInt32BigEndian(prefix[4..], PrefixLifetimeSeconds);
        BinaryPrimitives.WriteUInt32BigEndian(prefix[8..], PrefixLifetimeSeconds);
        plan.Network6.Write(prefix[16..]);
        Span<byte> dns = message[64..];
        dns[0] = OptionDns;
        dns[1] = 3;
        BinaryPrimitives.WriteUInt32BigEndian(dns[4..], RouterLifetimeSeconds);
        plan.Dns6.Write(dns[8..]);
        WriteSearch(message[88..]);
        Send(AddressPlan.Router6, AddressPlan.AllNodes6, message.Length);
    }

    private int SearchLength => (8 + _search.Length + 7) & ~7;

    // RFC 8106, 5.2: filled up with zeros, which are there already.
    private void WriteSearch(Span<byte> option)
    {
        option[0] = OptionSearch;
        option[1] = (byte)(SearchLength / 8);
        BinaryPrimitives.WriteUInt32BigEndian(option[4..], RouterLifetimeSeconds);
        _search.CopyTo(option[8..]);
    }

    private static void WriteMac(Span<byte> option, byte kind)
    {
        option[0] = kind;
        option[1] = 1;
        AddressPlan.RouterMac.Write(option[2..]);
    }

    private void Send(IpAddress from, IpAddress to, int length) => _context.Link.Send(new(from, to), new(IpProtocol.Icmp6, ChecksumOffset), length);
}
