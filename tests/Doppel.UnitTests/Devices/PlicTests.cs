using Doppel.Core.Bus;
using Doppel.Devices.Interrupts;

namespace Doppel.UnitTests.Devices;

public sealed class PlicTests
{
    private const ulong Pending = 0x1000, Enable0 = 0x2000, Enable1 = 0x2080, Context0 = 0x200000, Context1 = 0x201000;
    private readonly IrqLine[] _outputs = [IrqLine.CreateUnconnected(), IrqLine.CreateUnconnected()];
    private readonly Plic _plic;
    private readonly IrqLine _source5;
    private readonly IrqLine _source40;

    public PlicTests()
    {
        _plic = new Plic(_outputs);
        _source5 = _plic.CreateInput(5);
        _source40 = _plic.CreateInput(40);
    }

    [Fact]
    public void Input_EnabledWithPriority_RaisesTheContextsOutput()
    {
        EnableBoth(5, priority: 1);
        _source5.Set(true);
        Assert.True(_outputs[1].Level);
        Assert.Equal(1u << 5, _plic.Read32(Pending));
    }

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(1, 1, false)]
    [InlineData(2, 1, true)]
    [InlineData(7, 6, true)]
    public void Threshold_AgainstPriority_OnlyHigherInterrupts(uint priority, uint threshold, bool level)
    {
        EnableBoth(5, priority);
        _plic.Write32(Context1, threshold);
        _source5.Set(true);
        Assert.Equal(level, _outputs[1].Level);
    }

    [Fact]
    public void Claim_SeveralPending_HighestPriorityThenLowestNumber()
    {
        EnableBoth(5, 3);
        EnableBoth(40, 3);
        IrqLine source6 = _plic.CreateInput(6);
        EnableBoth(6, 4);
        _source40.Set(true);
        _source5.Set(true);
        source6.Set(true);
        uint[] claimed = [Claim(), Claim(), Claim(), Claim()];
        Assert.Equal([6u, 5u, 40u, 0u], claimed);
        Assert.False(_outputs[1].Level);
    }

    [Fact]
    public void Claim_BelowThreshold_StillClaims()
    {
        EnableBoth(5, 1);
        _plic.Write32(Context1, 7);
        _source5.Set(true);
        Assert.Equal(5u, Claim());
    }

    [Fact]
    public void Gateway_LevelStaysHigh_RequestsAgainOnlyAfterCompletion()
    {
        EnableBoth(5, 1);
        _source5.Set(true);
        Assert.Equal(5u, Claim());
        Assert.Equal(0u, Claim());
        _plic.Write32(Context1 + 4, 5);
        Assert.True(_outputs[1].Level);
        Assert.Equal(5u, Claim());
    }

    [Fact]
    public void Gateway_LevelFallsBeforeCompletion_IsQuiet()
    {
        EnableBoth(5, 1);
        _source5.Set(true);
        Claim();
        _source5.Set(false);
        _plic.Write32(Context1 + 4, 5);
        Assert.False(_outputs[1].Level);
    }

    [Fact]
    public void Gateway_LevelFallsBeforeClaim_RequestStays()
    {
        EnableBoth(5, 1);
        _source5.Set(true);
        _source5.Set(false);
        Assert.Equal(5u, Claim());
    }

    [Fact]
    public void Completion_OfASourceThatIsNotEnabled_IsIgnored()
    {
        EnableBoth(5, 1);
        _source5.Set(true);
        Claim();
        _plic.Write32(Enable1, 0);
        _plic.Write32(Context1 + 4, 5);
        _plic.Write32(Enable1, 1 << 5);
        Assert.Equal(0u, Claim());
    }

    [Fact]
    public void Contexts_SameSource_OnlyOneClaimsIt()
    {
        EnableBoth(5, 1);
        _plic.Write32(Enable0, 1 << 5);
        _source5.Set(true);
        Assert.True(_outputs[0].Level);
        Assert.Equal(5u, _plic.Read32(Context0 + 4));
        Assert.Equal(0u, Claim());
        Assert.False(_outputs[1].Level);
    }

    [Fact]
    public void Registers_Warl_HoldWhatExists()
    {
        _plic.Write32(0, 7);
        _plic.Write32(4, 0xFFFF_FFFF);
        _plic.Write32(Enable0, 0xFFFF_FFFF);
        _plic.Write32(4 * 96, 7);
        Assert.Equal(0u, _plic.Read32(0));
        Assert.Equal(7u, _plic.Read32(4));
        Assert.Equal(0xFFFF_FFFEu, _plic.Read32(Enable0));
        Assert.Equal(0u, _plic.Read32(4 * 96));
        Assert.Equal(0u, _plic.Read32(0x203000));
    }

    [Fact]
    public void Reset_WireStillHigh_IsPendingAgain()
    {
        EnableBoth(5, 1);
        _source5.Set(true);
        Claim();
        _plic.Reset();
        Assert.False(_outputs[1].Level);
        Assert.Equal(1u << 5, _plic.Read32(Pending));
    }

    [Fact]
    public void Constructor_MoreContextsThanTheWindowHolds_Throws()
    {
        IrqLine[] outputs = [.. Enumerable.Range(0, 1025).Select(_ => IrqLine.CreateUnconnected())];
        Assert.Throws<ArgumentException>(() => new Plic(outputs));
        Assert.Equal(0u, new Plic(outputs[..1024]).Read32(Plic.WindowSize - 4));
    }

    private uint Claim() => _plic.Read32(Context1 + 4);

    private void EnableBoth(uint source, uint priority)
    {
        _plic.Write32(4 * source, priority);
        ulong word = Enable1 + (source / 32 * 4);
        _plic.Write32(word, _plic.Read32(word) | (1u << (int)(source % 32)));
    }
}
