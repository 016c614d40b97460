using System.Buffers.Binary;
using Doppel.Devices.Virtio.Vsock;

namespace Doppel.UnitTests.Devices;

/// <summary>A packet as the guest's driver sees it, written from virtio 1.2 section 5.10.6 and not from the device's code.</summary>
internal sealed record VsockPacket(uint HostPort, uint GuestPort, ushort Operation, uint Flags = 0, uint BufferSize = 1 << 16, uint Forwarded = 0)
{
    internal const ushort Request = 1, Response = 2, Reset = 3, Shutdown = 4, Data = 5, CreditUpdate = 6, CreditRequest = 7;

    internal byte[] Payload { get; init; } = [];

    internal ushort Type { get; init; } = 1;

    internal ulong SourceCid { get; init; } = 3;

    internal ulong DestinationCid { get; init; } = 2;

    /// <summary>What the header says of the payload's length, if not the truth.</summary>
    internal uint? ClaimedLength { get; init; }

    internal byte[] ToBytes()
    {
        byte[] bytes = new byte[44 + Payload.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, SourceCid);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(8), DestinationCid);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(16), GuestPort);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(20), HostPort);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(24), ClaimedLength ?? (uint)Payload.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(28), Type);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(30), Operation);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(32), Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(36), BufferSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(40), Forwarded);
        Payload.CopyTo(bytes.AsSpan(44));
        return bytes;
    }

    internal static VsockPacket FromDevice(ReadOnlySpan<byte> bytes)
    {
        Assert.Equal(2UL, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        Assert.Equal((uint)bytes.Length - 44, BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..]));
        return new VsockPacket(
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]),
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[30..]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[32..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[36..]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[40..]))
        {
            Payload = bytes[44..].ToArray(),
            Type = BinaryPrimitives.ReadUInt16LittleEndian(bytes[28..]),
            DestinationCid = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
        };
    }
}

/// <summary>A guest with a vsock driver on a <see cref="VirtioBench"/>: sends packets and collects what comes.</summary>
internal sealed class VsockGuest : IDisposable
{
    internal const int BufferLength = 4096;
    private const ulong ReceiveArea = VirtioBench.Ram, SendArea = VirtioBench.Ram + 0x2_0000, EventArea = VirtioBench.Ram + 0x6_0000;
    private readonly DriverQueue _receive;
    private readonly DriverQueue _send;
    private readonly DriverQueue _events;
    private readonly Queue<ulong> _posted = new();
    private int _next;

    internal VsockGuest(int receiveBuffers = 16, bool deterministic = false)
    {
        Time = new ManualTime(deterministic);
        Device = new VirtioVsock(Host, 3, Time);
        Bench = new VirtioBench(Device);
        Bench.Negotiate(VirtioBench.Version1);
        _receive = Bench.CreateQueue(0);
        _send = Bench.CreateQueue(1);
        _events = Bench.CreateQueue(2);
        Bench.Start();
        for (int i = 0; i < receiveBuffers; i++) PostReceive();
        Time.RunDue();
    }

    internal VsockHost Host { get; } = new();

    internal ManualTime Time { get; }

    internal VirtioVsock Device { get; }

    internal VirtioBench Bench { get; }

    public void Dispose()
    {
        Bench.Dispose();
        Host.Dispose();
    }

    /// <summary>Offers one buffer for a packet.</summary>
    internal void PostReceive(int length = BufferLength)
    {
        ulong at = ReceiveArea + ((ulong)(_next++ % 16) * BufferLength);
        _posted.Enqueue(at);
        _receive.Add((at, length, true));
        _receive.Notify();
    }

    internal void PostEvent()
    {
        _events.Add((EventArea, 4, true));
        _events.Notify();
    }

    internal uint? TakeEvent() => _events.TryGetUsed(out _, out _) ? BinaryPrimitives.ReadUInt32LittleEndian(Bench.Read(EventArea, 4)) : null;

    /// <summary>Sends a packet and lets the machine's events run.</summary>
    internal void Send(VsockPacket packet)
    {
        SendBytes(packet.ToBytes());
        Time.RunDue();
    }

    internal void SendBytes(byte[] bytes)
    {
        Bench.Memory.TryWrite(SendArea, bytes);
        _send.Add((SendArea, bytes.Length, false));
        _send.Notify();
    }

    /// <summary>True when the device has given back the last packet that was sent.</summary>
    internal bool WasTaken() => _send.TryGetUsed(out _, out _);

    /// <summary>The next packet from the device, whose buffer is offered again; null if there is none.</summary>
    internal VsockPacket? Receive(bool repost = true)
    {
        Time.RunDue();
        if (!_receive.TryGetUsed(out _, out uint length)) return null;
        VsockPacket packet = VsockPacket.FromDevice(Bench.Read(_posted.Dequeue(), (int)length));
        if (repost) PostReceive();
        return packet;
    }

    /// <summary>A connection that the guest opens to a port on which the host listens.</summary>
    internal async Task<VsockStream> ConnectAsync(VsockListener listener, uint guestPort, uint bufferSize = 1 << 16)
    {
        Send(new VsockPacket(listener.Port, guestPort, VsockPacket.Request, BufferSize: bufferSize));
        Assert.Equal(VsockPacket.Response, Receive()?.Operation);
        return (await listener.AcceptAsync())!;
    }
}
