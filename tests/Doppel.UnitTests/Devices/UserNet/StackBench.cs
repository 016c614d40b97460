using System.Buffers.Binary;
using System.Net;
using Doppel.Devices.Backends.Net;
using Doppel.Devices.Backends.Net.User;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.UnitTests.Devices.UserNet;

/// <summary>A user network without its thread: the test makes the frames, lets it work, and moves its time.</summary>
internal sealed class StackBench : INetReceiver, IDisposable
{
    internal static readonly IpAddress Guest = Ip("10.0.2.15"), Host = Ip("10.0.2.2"), Dns = Ip("10.0.2.3");
    internal static readonly MacAddress GuestMac = new(0x5254_0012_3456);

    private readonly SocketLoop _sockets = new();
    private readonly List<Publisher> _publishers;

    internal StackBench(UserNetworkOptions? options = null)
    {
        options ??= new UserNetworkOptions();
        _publishers = [.. options.Publishes.Select(Publisher.Listen)];
        Network = new UserNetwork(options, _sockets, _publishers);
        Network.Context.Link.Attach(this);
        Network.Context.Link.Neighbours.Learn(Guest, GuestMac);
    }

    internal UserNetwork Network { get; }

    /// <summary>What the guest has received, oldest first.</summary>
    internal Queue<(byte[] Bytes, NetOffload Offload)> Received { get; } = new();

    internal IEnumerable<PublishedPort> Published => _publishers.Select(static p => p.Port);

    /// <summary>False to give the network no buffers.</summary>
    internal bool HasBuffers { get; set; } = true;

    public NetCapabilities Capabilities { get; set; } = NetCapabilities.Plain;

    internal static IpAddress Ip(string text) => IpAddress.From(IPAddress.Parse(text));

    public bool TryReceive(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        if (HasBuffers) Received.Enqueue((frame.ToArray(), offload));
        return HasBuffers;
    }

    /// <summary>Sends a frame and lets the network work on it.</summary>
    internal void Send(ReadOnlySpan<byte> frame, in NetOffload offload = default)
    {
        Network.Input(frame, offload);
        Step();
    }

    /// <summary>Lets the network do what there is to do.</summary>
    internal void Step()
    {
        Network.Context.Link.Refresh();
        Network.Pump();
        _sockets.Wait(0);
        Network.Context.Alarms.Run(Network.Context.NowNs);
        Network.Pump();
    }

    /// <summary>Moves time.</summary>
    internal void Advance(TimeSpan time)
    {
        Network.Context.NowNs += time.Ticks * 100;
        Step();
    }

    /// <summary>Lets the network work until the host's sockets have brought something about.</summary>
    internal void StepUntil(Func<bool> condition, string what)
        => Assert.True(SpinWait.SpinUntil(() =>
        {
            Step();
            return condition();
        }, TimeSpan.FromSeconds(60)), what);

    /// <summary>The next frame for the guest, waiting for the host's sockets.</summary>
    internal byte[] Next(string what)
    {
        StepUntil(() => Received.Count > 0, what);
        return Received.Dequeue().Bytes;
    }

    internal static byte[] Ethernet(ushort type, ReadOnlySpan<byte> payload, MacAddress? to = null)
    {
        byte[] frame = new byte[14 + payload.Length];
        (to ?? AddressPlan.RouterMac).Write(frame);
        GuestMac.Write(frame.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), type);
        payload.CopyTo(frame.AsSpan(14));
        return frame;
    }

    /// <summary>An IPv4 packet in its frame; the checksum of TCP, UDP or ICMP is put in.</summary>
    internal static byte[] Ipv4(IpAddress to, byte protocol, ReadOnlySpan<byte> payload, IpAddress? from = null, int fragment = 0)
    {
        byte[] packet = new byte[20 + payload.Length];
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), 77);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(6), (ushort)fragment);
        packet[8] = 64;
        packet[9] = protocol;
        (from ?? Guest).Write(packet.AsSpan(12));
        to.Write(packet.AsSpan(16));
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), Checksum(packet.AsSpan(0, 20)));
        payload.CopyTo(packet.AsSpan(20));
        return Ethernet(EtherType.Ipv4, packet);
    }

    internal static byte[] Udp(IpEndpoint to, ushort fromPort, ReadOnlySpan<byte> payload, IpAddress? from = null)
    {
        byte[] datagram = new byte[8 + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(datagram, fromPort);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(2), to.Port);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), (ushort)datagram.Length);
        payload.CopyTo(datagram.AsSpan(8));
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(6), TransportChecksum(from ?? Guest, to.Address, IpProtocol.Udp, datagram));
        return Ipv4(to.Address, IpProtocol.Udp, datagram, from);
    }

    internal static byte[] Echo(IpAddress to, ReadOnlySpan<byte> data)
    {
        byte[] message = new byte[8 + data.Length];
        message[0] = 8;
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(4), 0x1234_0001);
        data.CopyTo(message.AsSpan(8));
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), Checksum(message));
        return Ipv4(to, IpProtocol.Icmp, message);
    }

    internal static ushort TransportChecksum(IpAddress from, IpAddress to, byte protocol, ReadOnlySpan<byte> bytes)
    {
        byte[] summed = new byte[12 + bytes.Length];
        from.Write(summed);
        to.Write(summed.AsSpan(4));
        summed[9] = protocol;
        BinaryPrimitives.WriteUInt16BigEndian(summed.AsSpan(10), (ushort)bytes.Length);
        bytes.CopyTo(summed.AsSpan(12));
        return Checksum(summed);
    }

    /// <summary>The checksum as RFC 1071 describes it, two bytes at a time.</summary>
    internal static ushort Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++) sum += (uint)bytes[i] << (i % 2 == 0 ? 8 : 0);
        while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
        return (ushort)~sum;
    }

    public void Dispose()
    {
        Network.Dispose();
        _sockets.Dispose();
    }
}
