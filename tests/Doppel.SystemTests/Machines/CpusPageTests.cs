using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Machines;

/// <summary>docs/cpus.md.</summary>
public sealed class CpusPageTests
{
    [ToolFact("apt-get")]
    public async Task Page_EveryCommand_Works()
    {
        await using MachineShed shed = new();

        string printed = await DocumentationPage.RunAsync(shed, "cpus.md", fewestBlocks: 3);

        Assert.Contains("2\n", printed, StringComparison.Ordinal);
    }
}
