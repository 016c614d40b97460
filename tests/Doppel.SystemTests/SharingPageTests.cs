using System.Text.RegularExpressions;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>The commands of docs/sharing.md, one after the other, as a reader would type them.</summary>
public sealed class SharingPageTests
{
    [ToolFact("apt-get")]
    public async Task Page_EveryCommand_Works()
    {
        await using MachineShed shed = new();

        string output = await DocumentationPage.RunAsync(shed, "sharing.md", fewestBlocks: 5);

        Assert.Contains("hello from the host\nhello from the guest\n", output, StringComparison.Ordinal);
        Assert.Contains("\nrefused\n", output, StringComparison.Ordinal);
        Assert.Contains("worker\nstarted\ngo\n", output, StringComparison.Ordinal);
        Assert.Contains("1000:100 644 /mnt/note\n0:0 4755 /mnt/copy\n", output, StringComparison.Ordinal);
        Assert.Matches(new Regex($"{Environment.UserName} 644 project/note\n{Environment.UserName} 755 project/copy\n"), output);
        Assert.EndsWith("doppel\n", Regex.Replace(output, "touch: .*\n|.*WARNING.*\n", ""), StringComparison.Ordinal);
    }
}
