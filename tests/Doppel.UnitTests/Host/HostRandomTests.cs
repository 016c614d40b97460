using Doppel.Host;
using Xunit;

namespace Doppel.UnitTests.Host;

public sealed class HostRandomTests
{
    [Fact]
    public void Fill_AnyLength_ReachesTheLastByteAndNothingBehindIt()
    {
        byte[] buffer = new byte[1000];
        // A byte that stays zero in 64 rounds is one that is not written (2 to the power of -512 otherwise).
        byte[] seen = new byte[999];
        for (int round = 0; round < 64; round++)
        {
            HostRandom.Fill(buffer.AsSpan(0, 999));
            for (int i = 0; i < seen.Length; i++) seen[i] |= buffer[i];
        }
        Assert.DoesNotContain((byte)0, seen);
        Assert.Equal(0, buffer[999]);
        HostRandom.Fill([]);
    }

    [Fact]
    public void GetBytes_Twice_Differs() => Assert.NotEqual(HostRandom.GetBytes(16), HostRandom.GetBytes(16));
}
