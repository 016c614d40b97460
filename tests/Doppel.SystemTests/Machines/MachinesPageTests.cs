using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Machines;

/// <summary>The commands of docs/machines.md, one after the other, as a reader would type them.</summary>
public sealed class MachinesPageTests
{
    [ToolFact("apt-get", "curl")]
    public async Task Page_EveryCommand_Works()
    {
        await using MachineShed shed = new();

        string output = await DocumentationPage.RunAsync(shed, "machines.md", fewestBlocks: 8);

        Assert.Contains("Linux doppel", output, StringComparison.Ordinal);
        Assert.Contains("uid=1000", output, StringComparison.Ordinal);
        Assert.Contains("<h1>hello</h1>", output, StringComparison.Ordinal);
        Assert.Contains("80/tcp -> 127.0.0.1:", output, StringComparison.Ordinal);
        Assert.Contains("\nhello\n", output, StringComparison.Ordinal);
        Assert.Contains("(paused)", output, StringComparison.Ordinal);
        Assert.Contains("taken on the host", output, StringComparison.Ordinal);
        Assert.Contains("Debian", await File.ReadAllTextAsync(shed.File("guest-release")), StringComparison.Ordinal);
    }
}
