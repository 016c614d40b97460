using Doppel.Core.Memory;
using Doppel.Devices.Virtio.Block;

namespace Doppel.UnitTests.Devices.Block;

/// <summary>What a pause waits for.</summary>
public sealed class BlockLedgerTests : IDisposable
{
    private readonly GuestMemory _memory = new(new RamRegion(0x8000_0000, 4096, ReadOnly: false, "ram"));
    private readonly BlockLedger _ledger = new(new BlockThrottle(new VirtioBlockOptions().Rates), queues: 1);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void Quiesce_WhileSomebodyLooks_WaitsForWhatTheyTakeToo()
    {
        Assert.Null(_ledger.Quiesce());
        _ledger.BeginLooking();
        using ManualResetEventSlim quiet = Assert.IsType<ManualResetEventSlim>(_ledger.Quiesce());
        Assert.Null(_ledger.Admit(_ledger.Rent(_memory), 0));
        BlockRequest? request = _ledger.TakeReady();
        Assert.False(quiet.IsSet);
        _ledger.EndLooking();
        Assert.False(quiet.IsSet);
        _ledger.Finish(request);
        Assert.True(quiet.IsSet);
        Assert.Null(_ledger.Quiesce());
    }

    [Fact]
    public void Quiesce_NothingIsFound_EndsWithTheSearch()
    {
        _ledger.BeginLooking();
        _ledger.BeginLooking();
        using ManualResetEventSlim quiet = Assert.IsType<ManualResetEventSlim>(_ledger.Quiesce());
        _ledger.EndLooking();
        Assert.False(quiet.IsSet);
        _ledger.EndLooking();
        Assert.True(quiet.IsSet);
    }
}
