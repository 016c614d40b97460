using Doppel.RiscV.Mmu;

namespace Doppel.UnitTests.RiscV;

public sealed class LargePagesTests
{
    private const int TwoMegabytes = 21;

    private readonly LargePages _pages = new();

    [Theory]
    [InlineData(0x4020_0000UL, true)]
    [InlineData(0x403F_FFFFUL, true)]
    [InlineData(0x4040_0000UL, false)]
    [InlineData(0x401F_FFFFUL, false)]
    public void MayHold_AfterOneNote_CoversThatSuperpageOnly(ulong va, bool expected)
    {
        _pages.Note(0x4021_2345, TwoMegabytes);
        Assert.Equal(expected, _pages.MayHold(va));
    }

    [Fact]
    public void MayHold_BetweenFarSuperpages_IsFalse()
    {
        _pages.Note(0xFFFF_FFFF_8000_0000, TwoMegabytes);
        _pages.Note(0xFF60_0000_0000_0000, TwoMegabytes);
        Assert.False(_pages.MayHold(0xFFFF_FFFF_0000_0000));
    }

    [Fact]
    public void MayHold_MoreRangesThanFit_ForgetsNone()
    {
        ulong[] places = [.. Enumerable.Range(1, 40).Select(i => (ulong)i << 36)];
        Assert.All(places, place => _pages.Note(place, TwoMegabytes));
        Assert.All(places, place => Assert.True(_pages.MayHold(place)));
    }

    [Fact]
    public void Clear_AfterNotes_HoldsNothing()
    {
        _pages.Note(0x4020_0000, TwoMegabytes);
        _pages.Clear();
        Assert.False(_pages.MayHold(0x4020_0000));
    }
}
