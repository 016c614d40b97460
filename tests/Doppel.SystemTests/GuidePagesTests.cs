using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>The commands of guides that need no surroundings of their own, as a reader would type them.</summary>
public sealed class GuidePagesTests
{
    [ToolTheory("apt-get", "riscv64-linux-gnu-gcc")]
    [InlineData("running.md", "riscv64\n", "status 7\n", "note\n", "hello from /tmp\n")]
    [InlineData("determinism.md", "Linux doppel", "instructions")]
    [InlineData("troubleshooting.md", "Engine")]
    [InlineData("firmware-and-bare-metal.md", "hello\n", "status 3\n")]
    public async Task Page_EveryCommand_Works(string page, params string[] printed)
    {
        await using MachineShed shed = new();
        string output = await DocumentationPage.RunAsync(shed, page, fewestBlocks: 1, "mkdir src && touch src/note");
        Assert.All(printed, text => Assert.Contains(text, output, StringComparison.Ordinal));
    }
}
