using Doppel.RiscV.Translate;

namespace Doppel.UnitTests.RiscV;

public sealed class JitOptionsTests
{
    [Theory]
    [InlineData(48L << 20, 48 << 20)]
    [InlineData(1L << 10, 1 << 20)]
    [InlineData(1L << 40, 1 << 30)]
    [InlineData(10_000_000L, 9_998_336)]
    public void BoundedCacheBytes_Amounts_AreWholePagesWithinBounds(long bytes, int expected) =>
        Assert.Equal(expected, (JitOptions.Default with { CacheBytes = bytes }).BoundedCacheBytes);
}
