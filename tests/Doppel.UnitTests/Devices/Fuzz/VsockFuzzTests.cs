using Doppel.Devices.Virtio.Vsock;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Devices.Fuzz;

/// <summary>A guest whose rings are in order and whose packets are not: any operation at any time, on few ports so that they meet.</summary>
public sealed class VsockFuzzTests(ITestOutputHelper output)
{
    private const int Cases = 30_000;
    private readonly FuzzSeed _seed = new(output);

    [Fact]
    public void Packets_OfAHostileGuest_LeaveTheDeviceBoundedAndUsable()
    {
        using VsockGuest guest = new();
        VsockListener[] listeners = [.. Enumerable.Range(0, 3).Select(i => guest.Host.Listen((uint)i))];
        List<VsockStream> streams = [];
        List<Task<VsockStream>> dialled = [];
        int data = 0, resets = 0;
        _seed.Run(Cases, random =>
        {
            guest.SendBytes(Packet(random, dialled.Count).ToBytes()[Cut(random)]);
            Accept(listeners[random.Next(listeners.Length)], streams);
            Act(random, guest, streams, dialled);
            guest.Time.Advance(random.Next(1_000_000));
            while (guest.Receive() is { } packet)
            {
                data += packet.Operation == VsockPacket.Data ? 1 : 0;
                resets += packet.Operation == VsockPacket.Reset ? 1 : 0;
                Assert.InRange(packet.Operation, 1, 7);
                Assert.Equal(3UL, packet.Type == 1 ? packet.DestinationCid : 3);
            }
            Assert.InRange(guest.Device.Connections, 0, VsockTable.MaxConnections);
        });
        Assert.True(data > 300 && resets > 300, $"{data} packets with data and {resets} resets: the guest was too hostile to be served");
        Assert.Empty(guest.Bench.Log);
        foreach (VsockStream stream in streams) stream.Dispose();
        guest.Time.Advance(20_000_000_000);
    }

    private static VsockPacket Packet(Random random, int dialled) =>
        new(random.Next(4) == 0 ? 0x4000_0000u + (uint)random.Next(dialled + 1) : (uint)random.Next(4), (uint)random.Next(6), Operation(random))
        {
            Flags = (uint)random.Next(5),
            BufferSize = random.Next(10) == 0 ? (uint)random.Next() : 1u << random.Next(20),
            Forwarded = random.Next(20) == 0 ? (uint)random.Next() : 0,
            Payload = new byte[random.Next(3) == 0 ? random.Next(70_000) : 0],
            Type = (ushort)(random.Next(50) == 0 ? random.Next() : 1),
            ClaimedLength = random.Next(30) == 0 ? (uint)random.Next() : null,
            SourceCid = random.Next(50) == 0 ? (ulong)random.NextInt64() : 3,
        };

    private static ushort Operation(Random random) => random.Next(40) switch
    {
        0 => (ushort)random.Next(),
        < 3 => (ushort)random.Next(8),
        < 6 => VsockPacket.Request,
        < 8 => VsockPacket.Response,
        < 20 => VsockPacket.CreditUpdate,
        _ => VsockPacket.Data,
    };

    private static Range Cut(Random random) => random.Next(50) == 0 ? ..random.Next(1, 44) : ..;

    private static void Accept(VsockListener listener, List<VsockStream> streams)
    {
        if (listener.Waiting != 0 && listener.AcceptAsync() is { IsCompletedSuccessfully: true, Result: { } stream }) streams.Add(stream);
    }

    private static void Act(Random random, VsockGuest guest, List<VsockStream> streams, List<Task<VsockStream>> dialled)
    {
        if (random.Next(100) == 0) dialled.Add(guest.Host.ConnectAsync((uint)random.Next(6)));
        dialled.RemoveAll(task => Take(task, streams));
        if (random.Next(500) == 0) guest.Device.ResetTransport();
        if (streams.Count == 0) return;
        VsockStream stream = streams[random.Next(streams.Count)];
        try
        {
            if (random.Next(3) == 0) _ = stream.WriteAsync(new byte[random.Next(5000)]).AsTask();
            if (random.Next(3) == 0) _ = stream.ReadAsync(new byte[random.Next(1, 50_000)]).AsTask();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // What a stream does once the guest has broken it.
        }
        if (random.Next(20) == 0) stream.CompleteWrites();
        if (random.Next(20) != 0) return;
        streams.Remove(stream);
        stream.Dispose();
    }

    private static bool Take(Task<VsockStream> task, List<VsockStream> streams)
    {
        if (task.IsCompletedSuccessfully) streams.Add(task.Result);
        return task.IsCompleted;
    }
}
