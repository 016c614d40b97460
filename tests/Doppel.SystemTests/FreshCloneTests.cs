using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary><c>./doppel</c> in a tree that was never built.</summary>
public sealed class FreshCloneTests
{
    [ToolFact("git", "cc")]
    public async Task Doppel_StartedTwiceAtOnceInAFreshClone_BuildsOnceAndThenStartsAtOnce()
    {
        FreshClone clone = await FreshClone.MakeOnceAsync();
        Assert.All(clone.FirstStarts, static s => Assert.True(s.Status == 0, s.Error));
        Assert.All(clone.FirstStarts, static s => Assert.Matches(@"^doppel \d", s.Output));
        IEnumerable<string> messages = clone.FirstStarts.SelectMany(static s => s.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Single(messages, static l => l.Contains("building", StringComparison.Ordinal));
        Assert.Single(Directory.GetDirectories(clone.Home, "app.*"));
        Assert.True(File.Exists(Path.Combine(clone.Home, "current", "doppel-exec")), "there is no native client");

        CommandStart next = await clone.StartAsync();
        Assert.Equal((0, ""), (next.Status, next.Error));
    }
}
