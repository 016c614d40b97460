using System.Text;
using Doppel.Cli.Running;

namespace Doppel.UnitTests.Cli;

public sealed class DetachKeyTests
{
    [Theory]
    [InlineData("plain", "plain", false)]
    [InlineData("a\u0010\u0011b", "a", true)]
    [InlineData("a\u0001dxyz", "a", true)]
    [InlineData("\u0001D", "", true)]
    [InlineData("\u0010x", "\u0010x", false)]
    [InlineData("\u0010\u0010\u0011", "\u0010", true)]
    [InlineData("\u0001\u0001", "\u0001", false)]
    [InlineData("\u0001" + "ab", "\u0001" + "b", false)]
    [InlineData("\u0001?b", "b", false)]
    [InlineData("\u0011", "\u0011", false)]
    [InlineData("\u0010", "", false)]
    public void Feed_Keys_PassOnWhatIsTheGuests(string typed, string guest, bool leaves)
    {
        List<byte> whole = [], single = [];
        Assert.Equal(leaves, new DetachKeys().Feed(Encoding.Latin1.GetBytes(typed), whole));
        Assert.Equal(guest, Encoding.Latin1.GetString([.. whole]));
        DetachKeys keys = new();
        Assert.Equal(leaves, typed.Any(c => keys.Feed([(byte)c], single)));
        Assert.Equal(guest, Encoding.Latin1.GetString([.. single]));
    }
}
