using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Images;

/// <summary>The commands of docs/images.md, one after the other, as a reader would type them.</summary>
public sealed class ImagesPageTests
{
    [ToolFact("apt-get", "unshare", "curl")]
    public async Task Page_EveryCommand_Works()
    {
        await DoppelCli.EnsureRootImageAsync();
        await using MachineShed shed = new();
        string output = await DocumentationPage.RunAsync(shed, "images.md", fewestBlocks: 6);
        Assert.Contains("Python on riscv64", output, StringComparison.Ordinal);
        Assert.Contains("<h1>hello</h1>", output, StringComparison.Ordinal);
        Assert.Contains("greeting: good day", output, StringComparison.Ordinal);
        Assert.Contains("small: root of root.tar.gz", output, StringComparison.Ordinal);
        Assert.Contains("BusyBox of debian on a disk", output, StringComparison.Ordinal);
        Assert.Contains("python: sound", output, StringComparison.Ordinal);
    }
}
