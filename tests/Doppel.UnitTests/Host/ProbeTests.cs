using Doppel.Cli.Diagnosis;
using Doppel.Host.Probes;

namespace Doppel.UnitTests.Host;

public sealed class ProbeTests
{
    [Fact]
    public void Memory_OfThisHost_IsKnownAndPlausible()
    {
        Assert.InRange(HostFacts.MemoryTotal!.Value, 64UL << 20, 1UL << 50);
        Assert.InRange(HostFacts.PeakResidentBytes!.Value, 1UL << 20, HostFacts.MemoryTotal.Value);
    }

    [Fact]
    public void WhyNotUsable_NoSuchDevice_SaysSo() => Assert.Contains("no such device", HostFacts.WhyNotUsable("/dev/doppel-is-not-there"), StringComparison.Ordinal);

    [Fact]
    public void WhyNotUsable_DevNull_IsUsable() => Assert.Null(HostFacts.WhyNotUsable("/dev/null"));

    [Theory]
    [InlineData(1.1, FindingState.Good)]
    [InlineData(40, FindingState.Note)]
    public void KvmCheck_Slowdown_DecidesWhatIsSaid(double slowdown, object expected)
        => Assert.Equal(expected, KvmCheck.Describe(new KvmSpeed(1, slowdown, 2000)).State);
}
