using Doppel.Devices.Virtio.Block;
using Doppel.Host;

namespace Doppel.UnitTests.Devices.Block;

/// <summary>The host has no space for what the guest writes; and what a pause waits for.</summary>
public sealed class BlockFullTests : IDisposable
{
    private const long Second = 1_000_000_000;
    private const uint Sector = 64;

    private readonly FakeDisk _disk = new();
    private readonly ManualTime _time = new();
    private volatile bool _isFull = true;

    public BlockFullTests()
    {
        _disk.Refuses = call => _isFull && call is DiskCall.Write or DiskCall.Flush ? new HostException("no space left") { IsOutOfSpace = true } : null;
    }

    public void Dispose() => _disk.Dispose();

    [Fact]
    public void Write_HostIsFull_WaitsUntilThereIsSpaceAndTheUserIsTold()
    {
        using BlockBench bench = new(_disk, time: _time);
        bench.Fill(0, 7);
        bench.Submit(0, 0, BlockBench.Write, Sector);
        WaitForLog(bench, 1);
        _time.Advance(5 * Second);
        bench.Submit(0, 1, BlockBench.Read);
        Assert.Equal([1], bench.WaitForDone(1));
        Assert.Equal(0xFF, bench.Status(0));
        _isFull = false;
        Assert.Equal([0], AdvanceUntilDone(bench, 1));
        Assert.Equal((0, 7), (bench.Status(0), _disk.Content[Sector * 512]));
        WaitForLog(bench, 2);
        Assert.Contains("no space left; the guest waits", bench.Log[0], StringComparison.Ordinal);
        Assert.Contains("there is space again", bench.Log[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Writes_ManyOnAFullHost_AllEndOnceThereIsSpace()
    {
        using BlockBench bench = new(_disk, time: _time);
        for (int slot = 0; slot < 40; slot++) bench.Submit(0, slot, slot % 8 == 7 ? BlockBench.Flush : BlockBench.Write, bytes: slot % 8 == 7 ? 0 : 512);
        WaitForLog(bench, 1);
        _isFull = false;
        Assert.Equal(Enumerable.Range(0, 40), AdvanceUntilDone(bench, 40).Order());
        Assert.All(Enumerable.Range(0, 40), slot => Assert.Equal(0, bench.Status(slot)));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Write_HostIsFull_FailsWhereAskedForAndWhereRunsMustRepeat(bool failWhenFull, bool deterministic)
    {
        using BlockBench bench = new(_disk, new VirtioBlockOptions { FailWhenFull = failWhenFull }, new ManualTime(deterministic));
        bench.Submit(0, 0, BlockBench.Write);
        Assert.Equal([0], bench.WaitForDone(1));
        Assert.Equal(1, bench.Status(0));
        Assert.Contains("input/output error", Assert.Single(bench.Log), StringComparison.Ordinal);
    }

    [Fact]
    public void Reset_WhileAWriteWaitsForSpace_ForgetsIt()
    {
        using BlockBench bench = new(_disk, time: _time);
        bench.Submit(0, 0, BlockBench.Write);
        WaitForLog(bench, 1);
        bench.Quiesce();
        bench.Reset();
        bench.Start();
        _isFull = false;
        _time.Advance(5 * Second);
        bench.Submit(0, 1, BlockBench.Read);
        Assert.Equal([1], bench.WaitForDone(1));
        Assert.Equal(0, _disk.CountOf(DiskCall.Write));
    }

    [Fact]
    public async Task Reset_WhileAWriteFindsTheHostFull_DoesNotWaitForSpace()
    {
        _disk.Holds = static (call, _) => call == DiskCall.Write;
        using BlockBench bench = new(_disk, time: _time);
        bench.Submit(0, 0, BlockBench.Write);
        _disk.WaitForBegun(1);
        Task reset = Task.Run(bench.Reset);
        Assert.NotSame(reset, await Task.WhenAny(reset, Task.Delay(50)));
        _disk.LetGo();
        await reset.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(0xFF, bench.Status(0));
    }

    [Fact]
    public async Task Quiesce_InMidFlight_WaitsForTheBackEndAndNotForSpace()
    {
        _disk.Holds = static (call, _) => call == DiskCall.Write;
        using BlockBench bench = new(_disk, time: _time);
        for (int slot = 0; slot < 12; slot++) bench.Submit(0, slot, BlockBench.Write);
        _disk.WaitForBegun(1);
        Task quiet = Task.Run(bench.Quiesce);
        Assert.NotSame(quiet, await Task.WhenAny(quiet, Task.Delay(50)));
        _disk.LetGo();
        await quiet.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(12, _disk.Begun.Length);
        bench.Quiesce();
    }

    private static void WaitForLog(BlockBench bench, int lines) =>
        Assert.True(SpinWait.SpinUntil(() => bench.Log.Count >= lines, TimeSpan.FromSeconds(60)), "nothing was said");

    private List<int> AdvanceUntilDone(BlockBench bench, int count)
    {
        List<int> done = [];
        Assert.True(SpinWait.SpinUntil(() =>
        {
            _time.Advance(Second);
            done.AddRange(bench.TakeDone());
            return done.Count >= count;
        }, TimeSpan.FromSeconds(60)), $"only {done.Count} of {count} requests came back");
        return done;
    }
}
