using Doppel.RiscV.Translate;

namespace Doppel.UnitTests.RiscV;

public sealed class JitOptionsTests
{
    [Theory]
    [InlineData(48L << 20, 1, 48 << 20)]
    [InlineData(48L << 20, 4, 12 << 20)]
    [InlineData(48L << 20, 512, 1 << 20)]
    [InlineData(1L << 20, 2, 1 << 20)]
    [InlineData(1L << 40, 1, 1 << 30)]
    [InlineData(10_000_000L, 3, 3_330_048)]
    public void CacheBytesOf_Harts_AreEqualPartsWithinBounds(long bytes, int harts, int expected) =>
        Assert.Equal(expected, (JitOptions.Default with { CacheBytes = bytes }).CacheBytesOf(harts));
}
