using System.Buffers.Binary;
using Doppel.Devices.Virtio.Balloon;

namespace Doppel.UnitTests.Devices;

/// <summary>The balloon as a driver written from virtio 1.2 section 5.5 sees it.</summary>
public sealed class VirtioBalloonTests : IDisposable
{
    private const ulong Statistics = 1 << 1, Reporting = 1 << 5, Request = VirtioBench.Ram + 0x1000, Data = VirtioBench.Ram + 0x1_0000;
    private const int Page = 4096;

    private readonly BalloonControl _control = new(VirtioBench.RamSize);
    private readonly VirtioBench _bench;

    public VirtioBalloonTests() => _bench = new VirtioBench(new VirtioBalloon(_control, static _ => { }));

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void Inflate_Pages_ReadAsZero()
    {
        DriverQueue inflate = Start(VirtioBench.Version1);
        Fill(Data, 8);

        Give(inflate, PageNumbers(Data + (3 * Page), Data, Data + Page));

        Assert.Equal(Zeroes(2), _bench.Read(Data, 2 * Page));
        Assert.Equal(Zeroes(1), _bench.Read(Data + (3 * Page), Page));
        Assert.Equal(0xAA, _bench.Read(Data + (2 * Page), 1)[0]);
    }

    [Fact]
    public void Inflate_Pages_TakeNoHostMemory()
    {
        DriverQueue inflate = Start(VirtioBench.Version1);
        // The rings take memory by the first request.
        Give(inflate, PageNumbers(Data));
        Fill(Data, 64);
        ulong before = _bench.Memory.ResidentBytes;

        Give(inflate, PageNumbers([.. Enumerable.Range(0, 64).Select(static i => Data + ((ulong)i * Page))]));

        Assert.Equal(64UL * Page, before - _bench.Memory.ResidentBytes);
    }

    [Fact]
    public void Inflate_CodeOnThePage_IsStale()
    {
        DriverQueue inflate = Start(VirtioBench.Version1);
        Fill(Data, 1);
        uint writes = _bench.Memory.CodeWrites;
        ArmPage(Data);

        Give(inflate, PageNumbers(Data));

        Assert.Equal(writes + 1, _bench.Memory.CodeWrites);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(0x8_0100u)]
    [InlineData(uint.MaxValue)]
    public void Inflate_PagesOutsideOfRam_AreIgnored(uint number)
    {
        DriverQueue inflate = Start(VirtioBench.Version1);
        Fill(Data, 1);
        byte[] numbers = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(numbers, number);
        BinaryPrimitives.WriteUInt32LittleEndian(numbers.AsSpan(4), (uint)(Data / Page));

        Give(inflate, numbers);

        Assert.Equal(Zeroes(1), _bench.Read(Data, Page));
        Assert.Equal(15u, _bench.Status);
    }

    [Fact]
    public void Target_Smaller_IsSeenInTheConfigurationWithAnInterrupt()
    {
        Start(VirtioBench.Version1);
        uint generation = _bench.Transport.Read32(0x0FC);

        _control.TargetBytes = VirtioBench.RamSize - (5 * Page) + 1;

        Assert.Equal(5u, _bench.Transport.Read32(0x100));
        Assert.NotEqual(generation, _bench.Transport.Read32(0x0FC));
        // Bit 1: a change of configuration.
        Assert.Equal(2u, _bench.Transport.Read32(0x060) & 2);
    }

    [Fact]
    public void Actual_WrittenByTheDriver_IsWhatTheGuestHasLess()
    {
        Start(VirtioBench.Version1);

        _bench.Transport.Write32(0x104, 16);

        Assert.Equal(VirtioBench.RamSize - (16 * Page), _control.CurrentBytes);
        _bench.Transport.Write32(0x104, uint.MaxValue);
        Assert.Equal(0UL, _control.CurrentBytes);
    }

    [Theory]
    [InlineData(Reporting, 2)]
    [InlineData(Reporting | Statistics, 3)]
    public void Reporting_FreeRange_IsGivenBack(ulong features, int queue)
    {
        Start(VirtioBench.Version1 | features);
        DriverQueue reporting = _bench.CreateQueue(queue);
        Fill(Data, 8);

        reporting.Add((Data + 100, 3 * Page, true), (Data + (4 * Page), Page, true));
        reporting.Notify();

        // Of the first range only two pages are whole.
        Assert.Equal(0xAA, _bench.Read(Data, 1)[0]);
        Assert.Equal(Zeroes(2), _bench.Read(Data + Page, 2 * Page));
        Assert.Equal(0xAA, _bench.Read(Data + (3 * Page), 1)[0]);
        Assert.Equal(Zeroes(1), _bench.Read(Data + (4 * Page), Page));
        Assert.Equal(3UL * Page, _control.GivenBackBytes);
    }

    [Fact]
    public async Task InflateAndReporting_OnTwoProcessorsAtOnce_AnswerTheirOwnRequests()
    {
        const int Rounds = 20_000;
        using Barrier start = new(2);
        DriverQueue inflate = Start(VirtioBench.Version1 | Reporting);
        DriverQueue reporting = _bench.CreateQueue(2);
        byte[] numbers = PageNumbers(Data, Data + (2 * Page));
        Assert.True(_bench.Memory.TryWrite(Request, numbers));
        // Between what the one and the other give away lies a page that neither does.
        Fill(Data + Page, 1);

        int[] answered = await Task.WhenAll(
            Task.Run(() => AskOften(inflate, start, Rounds, (Request, numbers.Length, false))),
            Task.Run(() => AskOften(reporting, start, Rounds, (Data + (3 * Page), Page, true), (Data + (4 * Page), Page, true))));

        Assert.Equal([Rounds, Rounds], answered);
        Assert.Equal(0xAA, _bench.Read(Data + Page, 1)[0]);
        Assert.Equal(15u, _bench.Status);
        Assert.Equal(Rounds * 4UL * Page, _control.GivenBackBytes);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(VirtioBench.EventIndex, 1)]
    public async Task Statistics_Asked_AreTheNextBuffers(ulong features, int wakeUp)
    {
        Start(VirtioBench.Version1 | Statistics | features);
        DriverQueue statistics = _bench.CreateQueue(2);
        Give(statistics, Entry(4, 1));
        Assert.False(statistics.TryGetUsed(out _, out _));
        // avail_event (section 2.7.10): the driver is to tell of the next buffer.
        Assert.True(_bench.Memory.TryRead(statistics.Used + 4 + (8UL * statistics.Size), out ushort availableEvent));
        Assert.Equal(wakeUp, availableEvent);

        Task<BalloonStatistics?> query = _control.QueryAsync(), same = _control.QueryAsync();
        Assert.True(statistics.TryGetUsed(out _, out _));
        Give(statistics, [.. Entry(4, 77), .. Entry(5, 88), .. Entry(0xFFFF, 5), 1, 2, 3]);

        BalloonStatistics? figures = await query;
        Assert.Equal(new BalloonStatistics { Free = 77, Total = 88 }, figures);
        Assert.Equal(figures, await same);
    }

    [Fact]
    public async Task Statistics_DriverWithoutThem_AreNull()
    {
        Start(VirtioBench.Version1);
        Assert.Null(await _control.QueryAsync());
    }

    [Fact]
    public async Task Statistics_ResetMeanwhile_AreNull()
    {
        Start(VirtioBench.Version1 | Statistics);
        Give(_bench.CreateQueue(2), Entry(4, 1));
        Task<BalloonStatistics?> query = _control.QueryAsync();

        _bench.Transport.Write32(0x070, 0);

        Assert.Null(await query);
    }

    [Fact]
    public async Task Statistics_WhileTheGuestStandsStill_AreNullAndLeaveTheRingAlone()
    {
        Start(VirtioBench.Version1 | Statistics);
        DriverQueue statistics = _bench.CreateQueue(2);
        Give(statistics, Entry(4, 1));
        _bench.Device.Quiesce();
        Assert.Null(await _control.QueryAsync());
        Assert.False(statistics.TryGetUsed(out _, out _));

        _bench.Device.Resume();
        Task<BalloonStatistics?> query = _control.QueryAsync();
        Assert.True(statistics.TryGetUsed(out _, out _));
        Give(statistics, Entry(4, 77));
        Assert.Equal(new BalloonStatistics { Free = 77 }, await query);
    }

    private DriverQueue Start(ulong features)
    {
        _bench.Negotiate(features);
        DriverQueue inflate = _bench.CreateQueue(0);
        _bench.CreateQueue(1);
        _bench.Start();
        return inflate;
    }

    private void Give(DriverQueue queue, byte[] request)
    {
        Assert.True(_bench.Memory.TryWrite(Request, request));
        queue.Add((Request, request.Length, false));
        queue.Notify();
    }

    // Number of requests that came back under their own names.
    private static int AskOften(DriverQueue queue, Barrier start, int rounds, params (ulong Address, int Length, bool Writable)[] request)
    {
        int answered = 0;
        start.SignalAndWait();
        for (int i = 0; i < rounds; i++)
        {
            ushort head = queue.Add(request);
            queue.Notify();
            if (queue.TryGetUsed(out uint used, out _) && used == head) answered++;
        }
        return answered;
    }

    private void Fill(ulong gpa, int pages)
    {
        byte[] bytes = new byte[pages * Page];
        bytes.AsSpan().Fill(0xAA);
        Assert.True(_bench.Memory.TryWrite(gpa, bytes));
    }

    private unsafe void ArmPage(ulong gpa) => Doppel.Core.Memory.GuestMemory.Arm(_bench.Memory.StampOf(gpa));

    private static byte[] Zeroes(int pages) => new byte[pages * Page];

    private static byte[] PageNumbers(params ulong[] addresses)
    {
        byte[] numbers = new byte[4 * addresses.Length];
        for (int i = 0; i < addresses.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(numbers.AsSpan(4 * i), (uint)(addresses[i] / Page));
        return numbers;
    }

    private static byte[] Entry(ushort tag, ulong value)
    {
        byte[] entry = new byte[10];
        BinaryPrimitives.WriteUInt16LittleEndian(entry, tag);
        BinaryPrimitives.WriteUInt64LittleEndian(entry.AsSpan(2), value);
        return entry;
    }
}
