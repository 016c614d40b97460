using Doppel.Cli.Running;

namespace Doppel.UnitTests.Cli;

public sealed class RestartPolicyTests
{
    [Theory]
    [InlineData("no", 0, 0, false)]
    [InlineData("no", 1, 0, false)]
    [InlineData("always", 0, 1_000_000, true)]
    [InlineData("unless-stopped", 0, 0, true)]
    [InlineData("on-failure", 0, 0, false)]
    [InlineData("on-failure", 125, 1_000_000, true)]
    [InlineData("on-failure:3", 1, 2, true)]
    [InlineData("on-failure:3", 1, 3, false)]
    [InlineData("on-failure:3", 0, 0, false)]
    [InlineData("on-failure:0", 1, 0, false)]
    public void StartsAgain_ByStatusAndCount(string text, int status, int restarts, bool again) =>
        Assert.Equal(again, RestartPolicy.TryParse(text)!.StartsAgain(status, restarts));

    [Theory]
    [InlineData("")]
    [InlineData("yes")]
    [InlineData("Always")]
    [InlineData("on-failure:")]
    [InlineData("on-failure:-1")]
    [InlineData("on-failure:99999999999")]
    [InlineData("always:3")]
    public void TryParse_SomethingElse_IsNone(string text) => Assert.Null(RestartPolicy.TryParse(text));

    [Fact]
    public void PauseAfter_EndsThatComeSoon_DoublesUpToAMinute()
    {
        TimeSpan pause = TimeSpan.Zero;
        List<double> seconds = [];
        for (int i = 0; i < 12; i++)
        {
            pause = RestartPolicy.PauseAfter(pause, TimeSpan.FromSeconds(1));
            seconds.Add(pause.TotalSeconds);
        }
        Assert.Equal([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60, 60], seconds);
        Assert.Equal(0.1, RestartPolicy.PauseAfter(pause, TimeSpan.FromSeconds(10)).TotalSeconds);
    }
}
