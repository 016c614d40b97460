using System.Text.RegularExpressions;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>
/// The commands of docs/networking.md, one after the other, as a reader would type them; in a network namespace of their own, in which the reader
/// is the administrator, so that neither the host's interfaces nor its ports matter.
/// </summary>
public sealed class NetworkingPageTests
{
    private const string Preamble = "export PATH=\"$PWD:$PATH\" USER=root\nip link set lo up";

    [ToolFact("apt-get", "unshare", "ip", "/dev/net/tun")]
    public async Task Page_EveryCommand_Works()
    {
        await using MachineShed shed = new();
        await DocumentationPage.AddProgramAsync(shed, "sudo", "exec \"$@\"");

        string output = await DocumentationPage.RunAsync(shed, "networking.md", fewestBlocks: 9, Preamble, "unshare", "--net", "--map-root-user");

        Assert.Equal(4, Regex.Count(output, "^doppel$", RegexOptions.Multiline));
        Assert.Contains("not allowed", output, StringComparison.Ordinal);
        Assert.Contains("inet 10.5.0.1/24", output, StringComparison.Ordinal);
        Assert.Contains("nameserver 10.0.2.3", output, StringComparison.Ordinal);
        Assert.Contains("3 packets transmitted, 3 packets received", output, StringComparison.Ordinal);
        Assert.Contains("64 bytes from 10.77.0.1", output, StringComparison.Ordinal);
        Assert.Contains("52:54:00:12:34:56", output, StringComparison.Ordinal);
        Assert.Contains("default via 10.0.9.2", output, StringComparison.Ordinal);
        Assert.Contains("80/tcp -> 127.0.0.1:8081", output, StringComparison.Ordinal);
    }
}
