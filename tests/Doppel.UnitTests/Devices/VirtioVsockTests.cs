using System.Security.Cryptography;
using Doppel.Devices.Virtio.Vsock;

namespace Doppel.UnitTests.Devices;

/// <summary>The socket device against virtio 1.2, section 5.10.</summary>
public sealed class VirtioVsockTests : IDisposable
{
    private const uint Port = 5000, GuestPort = 1234;
    private readonly VsockGuest _guest = new();
    private readonly byte[] _buffer = new byte[1 << 20];

    public void Dispose() => _guest.Dispose();

    [Fact]
    public void Config_Read_IsTheGuestsAddress()
    {
        byte[] config = new byte[12];
        _guest.Device.ReadConfig(0, config);
        Assert.Equal([3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], config);
        Assert.Equal(19u, _guest.Device.DeviceId);
    }

    [Fact]
    public async Task Request_ToAListener_IsAcceptedAndBytesFlowBothWays()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        Assert.Equal((Port, GuestPort), (stream.HostPort, stream.GuestPort));
        _guest.Send(Packet(VsockPacket.Data) with { Payload = "from the guest"u8.ToArray() });
        int count = await stream.ReadAsync(_buffer);
        Assert.Equal("from the guest"u8.ToArray(), _buffer[..count]);
        await stream.WriteAsync("from the host"u8.ToArray());
        VsockPacket packet = _guest.Receive()!;
        Assert.Equal((Port, GuestPort, VsockPacket.Data), (packet.HostPort, packet.GuestPort, packet.Operation));
        Assert.Equal("from the host"u8, packet.Payload);
        Assert.Equal(3UL, packet.DestinationCid);
    }

    [Fact]
    public void Request_ToNobody_IsReset()
    {
        _guest.Send(Packet(VsockPacket.Request));
        Assert.Equal((Port, GuestPort, VsockPacket.Reset), Key(_guest.Receive()!));
        Assert.Equal(0, _guest.Device.Connections);
    }

    [Fact]
    public async Task Connect_ToTheGuest_IsOpenWhenTheGuestResponds()
    {
        Task<VsockStream> connect = _guest.Host.ConnectAsync(80);
        VsockPacket request = _guest.Receive()!;
        Assert.Equal((80u, VsockPacket.Request), (request.GuestPort, request.Operation));
        Assert.False(connect.IsCompleted);
        _guest.Send(new VsockPacket(request.HostPort, 80, VsockPacket.Response));
        using VsockStream stream = await connect;
        await stream.WriteAsync("hello"u8.ToArray());
        Assert.Equal("hello"u8, _guest.Receive()!.Payload);
    }

    [Fact]
    public async Task Connect_Refused_FailsAndNamesThePort()
    {
        Task<VsockStream> connect = _guest.Host.ConnectAsync(80);
        VsockPacket request = _guest.Receive()!;
        _guest.Send(new VsockPacket(request.HostPort, 80, VsockPacket.Reset));
        IOException error = await Assert.ThrowsAsync<IOException>(() => connect);
        Assert.Contains("80", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, _guest.Device.Connections);
    }

    [Fact]
    public async Task Connect_BeforeTheDriver_WaitsForIt()
    {
        using VsockHost host = new();
        Task<VsockStream> connect = host.ConnectAsync(80);
        ManualTime time = new();
        using VirtioBench bench = new(new VirtioVsock(host, 3, time));
        bench.Negotiate(VirtioBench.Version1);
        DriverQueue receive = bench.CreateQueue(0);
        bench.CreateQueue(1);
        bench.CreateQueue(2);
        receive.Add((VirtioBench.Ram, 4096, true));
        bench.Start();
        time.RunDue();
        Assert.True(receive.TryGetUsed(out _, out uint length));
        Assert.Equal(VsockPacket.Request, VsockPacket.FromDevice(bench.Read(VirtioBench.Ram, (int)length)).Operation);
        host.Dispose();
        bench.Dispose();
        await Assert.ThrowsAsync<IOException>(() => connect);
    }

    [Fact]
    public async Task Connect_GivenUp_ResetsALateResponse()
    {
        using CancellationTokenSource limit = new();
        Task<VsockStream> connect = _guest.Host.ConnectAsync(80, limit.Token);
        VsockPacket request = _guest.Receive()!;
        await limit.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connect);
        _guest.Time.RunDue();
        Assert.Equal(0, _guest.Device.Connections);
        _guest.Send(new VsockPacket(request.HostPort, 80, VsockPacket.Response));
        Assert.Equal(VsockPacket.Reset, _guest.Receive()!.Operation);
    }

    [Fact]
    public async Task Data_FromTheHost_StopsAtTheGuestsCreditAndGoesOnWithMore()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort, bufferSize: 100);
        byte[] sent = RandomNumberGenerator.GetBytes(250);
        await stream.WriteAsync(sent);
        List<byte> seen = [.. _guest.Receive()!.Payload];
        Assert.Equal(100, seen.Count);
        Assert.Equal(VsockPacket.CreditRequest, _guest.Receive()!.Operation);
        Assert.Null(_guest.Receive());
        _guest.Send(Packet(VsockPacket.CreditUpdate) with { BufferSize = 100, Forwarded = 60 });
        seen.AddRange(_guest.Receive()!.Payload);
        Assert.Equal(160, seen.Count);
        _guest.Send(Packet(VsockPacket.CreditUpdate) with { BufferSize = 1000, Forwarded = 160 });
        seen.AddRange(Drain().SelectMany(static p => p.Payload));
        Assert.Equal(sent, seen);
    }

    [Fact]
    public async Task Data_FromTheHost_FillsBuffersWhole()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        byte[] sent = RandomNumberGenerator.GetBytes(50_000);
        await stream.WriteAsync(sent);
        List<VsockPacket> packets = Drain();
        Assert.Equal(VsockGuest.BufferLength - 44, packets[0].Payload.Length);
        Assert.Equal(sent, packets.SelectMany(static p => p.Payload));
    }

    [Fact]
    public async Task Data_FromTheGuest_TellsOfRoomWhenTheHostReads()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        byte[] sent = RandomNumberGenerator.GetBytes(128 << 10);
        _guest.Send(Packet(VsockPacket.Data) with { Payload = sent });
        Assert.Null(_guest.Receive());
        await stream.ReadExactlyAsync(_buffer.AsMemory(0, sent.Length));
        Assert.Equal(sent, _buffer[..sent.Length]);
        VsockPacket update = _guest.Receive()!;
        Assert.Equal((VsockPacket.CreditUpdate, (uint)sent.Length), (update.Operation, update.Forwarded));
        Assert.True(update.BufferSize >= sent.Length);
    }

    [Fact]
    public async Task CreditRequest_FromTheGuest_IsAnswered()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        _guest.Send(Packet(VsockPacket.CreditRequest));
        Assert.Equal(VsockPacket.CreditUpdate, _guest.Receive()!.Operation);
    }

    [Fact]
    public async Task Data_BeyondTheHostsCredit_ResetsTheConnection()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        byte[] full = new byte[128 << 10];
        _guest.Send(Packet(VsockPacket.Data) with { Payload = full });
        _guest.Send(Packet(VsockPacket.Data) with { Payload = full });
        _guest.Send(Packet(VsockPacket.Data) with { Payload = [1] });
        Assert.Equal(VsockPacket.Reset, _guest.Receive()!.Operation);
        await stream.ReadExactlyAsync(_buffer.AsMemory(0, 256 << 10));
        await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(_buffer).AsTask());
    }

    [Fact]
    public async Task Shutdown_GuestSendsNoMore_EndsTheHostsReadsOnly()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        _guest.Send(Packet(VsockPacket.Data) with { Payload = [7] });
        _guest.Send(Packet(VsockPacket.Shutdown) with { Flags = 2 });
        Assert.Equal(1, await stream.ReadAsync(_buffer));
        Assert.Equal(0, await stream.ReadAsync(_buffer));
        await stream.WriteAsync("still"u8.ToArray());
        Assert.Equal("still"u8, _guest.Receive()!.Payload);
    }

    [Fact]
    public async Task Shutdown_GuestReceivesNoMore_FailsTheHostsWritesOnly()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        _guest.Send(Packet(VsockPacket.Shutdown) with { Flags = 1 });
        await Assert.ThrowsAsync<IOException>(() => stream.WriteAsync(new byte[1]).AsTask());
        _guest.Send(Packet(VsockPacket.Data) with { Payload = [7] });
        Assert.Equal(1, await stream.ReadAsync(_buffer));
    }

    [Fact]
    public async Task Shutdown_OfBothSides_IsConfirmedAndWhatCameBeforeIsRead()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        _guest.Send(Packet(VsockPacket.Data) with { Payload = [1, 2, 3] });
        _guest.Send(Packet(VsockPacket.Shutdown) with { Flags = 3 });
        Assert.Equal(VsockPacket.Reset, _guest.Receive()!.Operation);
        Assert.Equal(0, _guest.Device.Connections);
        Assert.Equal(3, await stream.ReadAsync(_buffer));
        Assert.Equal(0, await stream.ReadAsync(_buffer));
    }

    [Fact]
    public async Task CompleteWrites_AfterData_ShutsTheSendingSideDown()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        await stream.WriteAsync(new byte[10]);
        stream.CompleteWrites();
        List<VsockPacket> packets = Drain();
        Assert.Equal([VsockPacket.Data, VsockPacket.Shutdown], packets.Select(static p => p.Operation));
        Assert.Equal(2u, packets[1].Flags);
        _guest.Send(Packet(VsockPacket.Data) with { Payload = [9] });
        Assert.Equal(1, await stream.ReadAsync(_buffer));
    }

    [Fact]
    public async Task Dispose_LetsWhatWasWrittenArriveAndWaitsForTheReset()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        VsockStream stream = await _guest.ConnectAsync(listener, GuestPort, bufferSize: 10);
        await stream.WriteAsync(new byte[15]);
        await stream.DisposeAsync();
        Assert.Equal(10, Drain().Sum(static p => p.Payload.Length));
        _guest.Send(Packet(VsockPacket.CreditUpdate) with { BufferSize = 10, Forwarded = 10 });
        List<VsockPacket> rest = Drain();
        Assert.Equal([VsockPacket.Data, VsockPacket.Shutdown], rest.Select(static p => p.Operation));
        Assert.Equal(3u, rest[1].Flags);
        Assert.Equal(1, _guest.Device.Connections);
        _guest.Send(Packet(VsockPacket.Reset));
        Assert.Equal(0, _guest.Device.Connections);
        Assert.Null(_guest.Receive());
    }

    [Fact]
    public async Task Dispose_GuestNeverConfirms_IsResetAfterAWhile()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        await stream.DisposeAsync();
        Assert.Equal(VsockPacket.Shutdown, _guest.Receive()!.Operation);
        _guest.Time.Advance(7_000_000_000);
        Assert.Null(_guest.Receive());
        _guest.Time.Advance(2_000_000_000);
        Assert.Equal(VsockPacket.Reset, _guest.Receive()!.Operation);
        Assert.Equal(0, _guest.Device.Connections);
    }

    [Fact]
    public async Task Dispose_GuestGoesOnSending_IsDroppedWithoutEnd()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        await stream.DisposeAsync();
        Assert.Equal(VsockPacket.Shutdown, _guest.Receive()!.Operation);
        byte[] payload = new byte[64 << 10];
        for (int i = 0; i < 20; i++) _guest.Send(Packet(VsockPacket.Data) with { Payload = payload });
        Assert.DoesNotContain(Drain(), static p => p.Operation == VsockPacket.Reset);
    }

    [Fact]
    public async Task Reset_ByTheGuest_FailsReadsAfterWhatCameBefore()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        _guest.Send(Packet(VsockPacket.Data) with { Payload = [1] });
        _guest.Send(Packet(VsockPacket.Reset));
        Assert.Equal(1, await stream.ReadAsync(_buffer));
        await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(_buffer).AsTask());
        await Assert.ThrowsAsync<IOException>(() => stream.WriteAsync(new byte[1]).AsTask());
    }

    [Fact]
    public async Task DriverReset_FailsConnectionsAndKeepsListeners()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        _guest.Bench.Transport.Write32(0x070, 0);
        await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(_buffer).AsTask());
        Assert.Equal(0, _guest.Device.Connections);
    }

    [Fact]
    public async Task ResetTransport_WithoutAnEventBuffer_IsToldOnceThereIsOne()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        _guest.Device.ResetTransport();
        _guest.Time.RunDue();
        await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(_buffer).AsTask());
        Assert.True(_guest.Device.State.ResetPending);
        _guest.PostEvent();
        Assert.Equal(0u, _guest.TakeEvent());
        Assert.False(_guest.Device.State.ResetPending);
    }

    public static TheoryData<string, byte[], bool> BadPackets => new()
    {
        { "a header that is cut", new VsockPacket(Port, 9, VsockPacket.Data).ToBytes()[..43], false },
        { "another guest's address", (new VsockPacket(Port, 9, VsockPacket.Data) with { SourceCid = 4 }).ToBytes(), false },
        { "to another guest", (new VsockPacket(Port, 9, VsockPacket.Data) with { DestinationCid = 4 }).ToBytes(), false },
        { "a reset of nothing", new VsockPacket(Port, 9, VsockPacket.Reset).ToBytes(), false },
        { "data for nobody", (new VsockPacket(Port, 9, VsockPacket.Data) with { Payload = [1] }).ToBytes(), true },
        { "an unknown type", (new VsockPacket(Port, 9, VsockPacket.Request) with { Type = 7 }).ToBytes(), true },
        { "a length beyond the buffer", (new VsockPacket(Port, 9, VsockPacket.Request) with { ClaimedLength = 1 }).ToBytes(), true },
        { "an invalid operation", new VsockPacket(Port, 9, 0).ToBytes(), true },
        { "an unknown operation", new VsockPacket(Port, 9, 99).ToBytes(), true },
    };

    [Theory]
    [MemberData(nameof(BadPackets))]
    public void Packet_ThatIsWrong_IsDroppedOrReset(string what, byte[] packet, bool isReset)
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        _guest.SendBytes(packet);
        Assert.True(_guest.WasTaken(), what);
        Assert.Equal(isReset, _guest.Receive() is { Operation: VsockPacket.Reset });
        Assert.Equal(0, _guest.Device.Connections);
        Assert.Empty(_guest.Bench.Log);
    }

    [Theory]
    [InlineData(VsockPacket.Request)]
    [InlineData(VsockPacket.Response)]
    [InlineData(0)]
    [InlineData(77)]
    public async Task Packet_ThatAnOpenConnectionDoesNotExpect_ResetsIt(int operation)
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        _guest.Send(Packet((ushort)operation));
        Assert.Equal(VsockPacket.Reset, _guest.Receive()!.Operation);
        await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(_buffer).AsTask());
    }

    [Fact]
    public async Task Credit_MoreTakenThanSent_IsNoCredit()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream stream = await _guest.ConnectAsync(listener, GuestPort);
        _guest.Send(Packet(VsockPacket.CreditUpdate) with { BufferSize = 1000, Forwarded = 5 });
        await stream.WriteAsync(new byte[10]);
        Assert.Null(_guest.Receive());
    }

    [Fact]
    public void Replies_WithoutReceiveBuffers_StopTheDeviceFromTakingPackets()
    {
        using VsockGuest guest = new(receiveBuffers: 0);
        int taken = 0, resets = 0;
        for (uint i = 0; i < 140; i++)
        {
            guest.Send(new VsockPacket(Port, i, VsockPacket.Data));
            taken += guest.WasTaken() ? 1 : 0;
        }
        Assert.Equal(128, taken);
        for (int i = 0; i < 140; i++)
        {
            guest.PostReceive();
            resets += guest.Receive(repost: false) is { Operation: VsockPacket.Reset } ? 1 : 0;
        }
        Assert.Equal(140, resets);
    }

    [Fact]
    public void Requests_MoreThanTheBacklog_AreRefused()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        for (uint i = 0; i < 200; i++) _guest.Send(new VsockPacket(Port, i, VsockPacket.Request));
        int[] operations = [.. Drain().Select(static p => (int)p.Operation)];
        Assert.Equal(200, operations.Length);
        Assert.Equal(128, operations.Count(static o => o == VsockPacket.Response));
        Assert.Equal(72, operations.Count(static o => o == VsockPacket.Reset));
    }

    [Fact]
    public async Task Connections_OfTwo_TakeTurns()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        using VsockStream one = await _guest.ConnectAsync(listener, 1), two = await _guest.ConnectAsync(listener, 2);
        await one.WriteAsync(new byte[30_000]);
        await two.WriteAsync(new byte[30_000]);
        uint[] order = [.. Drain().Select(static p => p.GuestPort)];
        Assert.Equal([1u, 2u, 1u, 2u], order[..4]);
    }

    [Fact]
    public void Listen_OnAUsedPort_Throws()
    {
        using VsockListener listener = _guest.Host.Listen(Port);
        Assert.Throws<IOException>(() => _guest.Host.Listen(Port));
    }

    [Fact]
    public async Task HostDispose_EndsAccepts()
    {
        VsockListener listener = _guest.Host.Listen(Port);
        Task<VsockStream?> accept = listener.AcceptAsync();
        _guest.Host.Dispose();
        Assert.Null(await accept);
        await Assert.ThrowsAsync<IOException>(() => _guest.Host.ConnectAsync(1));
    }

    private static VsockPacket Packet(ushort operation) => new(Port, GuestPort, operation);

    private static (uint HostPort, uint GuestPort, ushort Operation) Key(VsockPacket packet) => (packet.HostPort, packet.GuestPort, packet.Operation);

    private List<VsockPacket> Drain()
    {
        List<VsockPacket> packets = [];
        while (_guest.Receive() is { } packet) packets.Add(packet);
        return packets;
    }
}
