using System.Buffers.Binary;
using System.Text;
using Doppel.Devices.Backends.Share;
using Doppel.Devices.Virtio.Fs9p;
using Doppel.UnitTests.Devices;
using Doppel.UnitTests.Devices.Fuzz;
using Xunit.Abstractions;

namespace Doppel.UnitTests.Shares;

/// <summary>The device: messages through guest memory.</summary>
public sealed class Fs9pDeviceTests(ITestOutputHelper output) : IDisposable
{
    private const ulong Request = VirtioBench.Ram + 0x1000, Reply = VirtioBench.Ram + 0x4_0000;
    private const uint NeedsReset = 64;

    private readonly ShareFolder _folder = new();
    private readonly FuzzSeed _seed = new(output);
    private readonly ShareClient _encoder = new(null!, attach: false);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Config_HoldsTheTag()
    {
        using VirtioBench bench = new(Device(deterministic: true));
        byte[] config = new byte[10];
        bench.Device.ReadConfig(0, config);
        Assert.Equal((9u, 1UL), (bench.Device.DeviceId, bench.Device.Features));
        Assert.Equal("share0", Encoding.ASCII.GetString(config, 2, BinaryPrimitives.ReadUInt16LittleEndian(config)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Messages_ReadAndWrite_InAnyPieces(bool deterministic)
    {
        using VirtioBench bench = new(Device(deterministic));
        DriverQueue queue = Start(bench);
        Exchange(bench, queue, _encoder.Encode(14, 0u, "new", 2u, 0x1A4u, 0u));
        byte[] head = _encoder.Encode(118, 0u, 0UL, 5000u);
        BinaryPrimitives.WriteInt32LittleEndian(head, head.Length + 5000);
        byte[] data = [.. Enumerable.Range(0, 5000).Select(static i => (byte)(i * 3))];
        Assert.Equal(5000u, BinaryPrimitives.ReadUInt32LittleEndian(Exchange(bench, queue, [.. head, .. data]).AsSpan(7)));
        Assert.Equal(data, File.ReadAllBytes(_folder.File("new")));
        byte[] reply = Exchange(bench, queue, _encoder.Encode(116, 0u, 100UL, 4000u));
        Assert.Equal(117, reply[4]);
        Assert.Equal(data[100..4100], reply[11..4011]);
    }

    [Fact]
    public void Messages_LongerThanTheyAre_AreInvalid()
    {
        using VirtioBench bench = new(Device(deterministic: true));
        DriverQueue queue = Start(bench);
        byte[] message = _encoder.Encode(8, 0u);
        BinaryPrimitives.WriteInt32LittleEndian(message, 5000);
        Assert.Equal(7, Exchange(bench, queue, message)[4]);
    }

    [Fact]
    public void Messages_WithoutRoomForAReply_StopTheDevice()
    {
        using VirtioBench bench = new(Device(deterministic: true));
        DriverQueue queue = Start(bench);
        bench.Memory.TryWrite(Request, _encoder.Encode(8, 0u));
        queue.Add((Request, 11, false), (Reply, 10, true));
        queue.Notify();
        Assert.Equal(NeedsReset, bench.Status & NeedsReset);
    }

    // Writes of this size are left to the device's thread.
    [Fact]
    public void Quiesce_MessagesUnderWay_AreAnswered()
    {
        const int writes = 30, length = 0x2_8000;
        using VirtioBench bench = new(Device(deterministic: false));
        DriverQueue queue = Start(bench);
        Exchange(bench, queue, _encoder.Encode(14, 0u, "new", 2u, 0x1A4u, 0u));
        byte[] data = new byte[length];
        for (int i = 1; i <= writes; i++)
        {
            byte[] head = _encoder.Encode(118, 0u, (ulong)(i - 1) * length, (uint)length);
            BinaryPrimitives.WriteInt32LittleEndian(head, head.Length + data.Length);
            data.AsSpan().Fill((byte)i);
            Assert.True(bench.Memory.TryWrite(Request, [.. head, .. data]));
            queue.Add((Request, head.Length + data.Length, false), (Reply, 700, true));
            queue.Notify();
            bench.Device.Quiesce();
            Assert.True(queue.TryGetUsed(out _, out _));
            byte[] content = File.ReadAllBytes(_folder.File("new"));
            Assert.Equal((i * length, (byte)i), (content.Length, content[^1]));
            bench.Device.Resume();
        }
    }

    [Fact]
    public void Reset_ForgetsTheGuestsHandles()
    {
        ShareServer server = _folder.Serve();
        using VirtioBench bench = new(new VirtioFs9p(server, "share0", new ManualTime(deterministic: true)));
        Start(bench);
        Assert.Equal(1, server.FidCount);
        bench.Transport.Write32(0x070, 0);
        Assert.Equal(0, server.FidCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void HostileDriver_ReachesNothingElse(bool deterministic)
    {
        using GuardedMemory guarded = new();
        using VirtioFs9p device = Device(deterministic);
        HostileDriver driver = new(guarded, device);
        _seed.Run(5_000, driver.RunCaseInRealTime);
        driver.AssertEndsWithReset();
        guarded.AssertGuardsAreIntact();
        _folder.AssertCanaryIsUntouched();
    }

    private VirtioFs9p Device(bool deterministic) => new(_folder.Serve(), "share0", new ManualTime(deterministic));

    private DriverQueue Start(VirtioBench bench)
    {
        bench.Negotiate(VirtioBench.Version1 | 1);
        DriverQueue queue = bench.CreateQueue(0);
        bench.Start();
        Assert.Equal(101, Exchange(bench, queue, _encoder.Encode(100, 65536u, "9P2000.L"))[4]);
        Assert.Equal(105, Exchange(bench, queue, _encoder.Encode(104, 0u, ShareClient.NoFid, "", "", 0u))[4]);
        return queue;
    }

    // In three pieces either way.
    private static byte[] Exchange(VirtioBench bench, DriverQueue queue, byte[] message)
    {
        Assert.True(bench.Memory.TryWrite(Request, message));
        int cut = Math.Min(message.Length - 2, 13);
        queue.Add((Request, cut, false), (Request + (ulong)cut, 1, false), (Request + (ulong)cut + 1, message.Length - cut - 1, false),
            (Reply, 5, true), (Reply + 5, 700, true), (Reply + 705, 0x8000, true));
        queue.Notify();
        uint length = 0;
        Assert.True(SpinWait.SpinUntil(() => queue.TryGetUsed(out _, out length), TimeSpan.FromSeconds(60)));
        return bench.Read(Reply, (int)length);
    }
}
