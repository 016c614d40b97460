using System.Buffers.Binary;
using System.Text;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Naming;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Devices.Backends.Net.User.Udp;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Local;

/// <summary>
/// Gives the guest its IPv4 address, and further ones to machines behind it (RFC 2131, RFC 2132). Thread contract: the event loop's thread.
/// </summary>
internal sealed class Dhcp4Server(StackContext context, string hostName, IReadOnlyList<string> search)
{
    internal const ushort ServerPort = 67, ClientPort = 68;

    private const int MostLeases = 64;
    private const int FixedLength = 236;
    private const uint MagicCookie = 0x6382_5363;
    private const int LeaseSeconds = 86400;
    private const byte Discover = 1, Offer = 2, Request = 3, Ack = 5, Nak = 6, Inform = 8;
    private const byte OptMask = 1, OptRouter = 3, OptDns = 6, OptHostName = 12, OptDomain = 15, OptMtu = 26, OptBroadcast = 28;
    private const byte OptRequested = 50, OptLease = 51, OptType = 53, OptServer = 54, OptSearch = 119, OptEnd = 255;

    private readonly Dictionary<MacAddress, IpAddress> _leases = [];

    /// <summary>Takes a datagram to the server's port.</summary>
    internal void Input(ReadOnlySpan<byte> message)
    {
        // A request of an Ethernet client with the options' cookie.
        if (message.Length < FixedLength + 4 || message[0] != 1 || message[1] != 1 || message[2] != MacAddress.Size) return;
        if (BinaryPrimitives.ReadUInt32BigEndian(message[FixedLength..]) != MagicCookie) return;
        ReadOnlySpan<byte> options = message[(FixedLength + 4)..];
        MacAddress client = MacAddress.Read(message[28..]);
        IpAddress own = IpAddress.Read(message.Slice(12, 4));
        if (client.IsGroup || !TryFind(options, OptType, 1, out ReadOnlySpan<byte> type)) return;
        if (type[0] == Inform) Reply(message, Ack, own, gives: false);
        else if (type[0] is Discover or Request && Lease(client) is { } lease) Decide(message, options, type[0], lease);
    }

    private void Decide(ReadOnlySpan<byte> message, ReadOnlySpan<byte> options, byte type, IpAddress lease)
    {
        if (type == Discover)
        {
            Reply(message, Offer, lease, gives: true);
            return;
        }
        // The client has taken another server's offer; there is none, but it may think so.
        if (TryFind(options, OptServer, 4, out ReadOnlySpan<byte> server) && IpAddress.Read(server) != context.Plan.Host4) return;
        IpAddress wanted = TryFind(options, OptRequested, 4, out ReadOnlySpan<byte> requested) ? IpAddress.Read(requested) : IpAddress.Read(message.Slice(12, 4));
        if (wanted == lease) Reply(message, Ack, lease, gives: true);
        else Reply(message, Nak, default, gives: false);
    }

    // The first client gets the address that everybody knows, the others those after it.
    private IpAddress? Lease(MacAddress client)
    {
        if (_leases.TryGetValue(client, out IpAddress known)) return known;
        if (_leases.Count >= MostLeases) return null;
        AddressPlan plan = context.Plan;
        for (uint address = plan.Guest4.V4; address < plan.Broadcast4.V4; address++)
        {
            IpAddress candidate = IpAddress.FromV4(address);
            if (plan.IsOurs(candidate) || _leases.ContainsValue(candidate)) continue;
            _leases.Add(client, candidate);
            return candidate;
        }
        return null;
    }

    private void Reply(ReadOnlySpan<byte> request, byte type, IpAddress address, bool gives)
    {
        Span<byte> reply = UdpOutput.Begin(context.Link, v4: true);
        reply[..FixedLength].Clear();
        reply[0] = 2;
        // Hardware type, transaction, flags and the client's hardware address are the request's.
        request[1..3].CopyTo(reply[1..]);
        request[4..8].CopyTo(reply[4..]);
        request[10..12].CopyTo(reply[10..]);
        request[28..44].CopyTo(reply[28..]);
        if (type != Nak) request[12..16].CopyTo(reply[12..]);
        if (gives) address.Write(reply[16..]);
        context.Plan.Host4.Write(reply[20..]);
        BinaryPrimitives.WriteUInt32BigEndian(reply[FixedLength..], MagicCookie);
        int length = WriteOptions(reply, FixedLength + 4, type, gives);
        // RFC 2131, 4.1: to everybody if the client asks for that, or has to give up its address.
        bool everybody = type == Nak || (request[10] & 0x80) != 0;
        IpAddress to = everybody || address == default ? IpAddress.FromV4(uint.MaxValue) : address;
        MacAddress via = everybody ? MacAddress.Broadcast : MacAddress.Read(request[28..]);
        UdpOutput.Send(context.Link, new(context.Plan.Host4, ServerPort), new(to, ClientPort), length, via);
    }

    private int WriteOptions(Span<byte> reply, int at, byte type, bool gives)
    {
        AddressPlan plan = context.Plan;
        at = Write(reply, at, OptType, [type]);
        at = Write(reply, at, OptServer, plan.Host4);
        if (type != Nak)
        {
            at = Write(reply, at, OptMask, IpAddress.FromV4(plan.Mask4));
            at = Write(reply, at, OptBroadcast, plan.Broadcast4);
            at = Write(reply, at, OptRouter, plan.Host4);
            at = Write(reply, at, OptDns, plan.Dns4);
            at = Write(reply, at, OptMtu, [(byte)(plan.Mtu >> 8), (byte)plan.Mtu]);
            at = Write(reply, at, OptHostName, Encoding.ASCII.GetBytes(hostName));
            at = Write(reply, at, OptDomain, Encoding.ASCII.GetBytes(search[0]));
            // RFC 3397.
            at = Write(reply, at, OptSearch, DnsMessage.EncodeNames(search, byte.MaxValue));
        }
        if (gives) at = Write(reply, at, OptLease, IpAddress.FromV4(LeaseSeconds));
        reply[at++] = OptEnd;
        // The shortest message that every client takes (RFC 1542, 2.1).
        while (at < 300) reply[at++] = 0;
        return at;
    }

    private static int Write(Span<byte> reply, int at, byte kind, IpAddress value)
    {
        value.Write(reply[(at + 2)..]);
        reply[at] = kind;
        reply[at + 1] = 4;
        return at + 6;
    }

    private static int Write(Span<byte> reply, int at, byte kind, ReadOnlySpan<byte> value)
    {
        reply[at] = kind;
        reply[at + 1] = (byte)value.Length;
        value.CopyTo(reply[(at + 2)..]);
        return at + 2 + value.Length;
    }

    private static bool TryFind(ReadOnlySpan<byte> options, byte kind, int length, out ReadOnlySpan<byte> value)
    {
        value = default;
        while (!options.IsEmpty && options[0] != OptEnd)
        {
            if (options[0] == 0)
            {
                options = options[1..];
                continue;
            }
            if (options.Length < 2 || options.Length < 2 + options[1]) return false;
            value = options.Slice(2, options[1]);
            if (options[0] == kind && value.Length == length) return true;
            options = options[(2 + value.Length)..];
        }
        return false;
    }
}
