using System.Diagnostics;
using System.Text.RegularExpressions;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>
/// The commands of docs/networking.md, one after the other, as a reader would type them; in a network namespace of their own, in which the reader
/// is the administrator, so that neither the host's interfaces nor its ports matter.
/// </summary>
public sealed class NetworkingPageTests
{
    [ToolFact("apt-get", "unshare", "ip", "/dev/net/tun")]
    public async Task Page_EveryCommand_Works()
    {
        await DoppelCli.EnsureImageAsync();
        await using MachineShed shed = new();
        string page = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "networking.md"));
        string[] blocks = [.. Regex.Matches(page, "^```sh\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline).Select(static m => m.Groups[1].Value)];
        Assert.True(blocks.Length >= 8, "the page has lost its commands");
        await WriteProgramAsync(shed.File("doppel"), $"exec dotnet '{DoppelCli.Assembly}' \"$@\"");
        await WriteProgramAsync(shed.File("sudo"), "exec \"$@\"");
        (int status, string output) = await RunAsync(shed, "set -eu\nexport PATH=\"$PWD:$PATH\" USER=root\nip link set lo up\n" + string.Concat(blocks));
        Assert.True(status == 0, output);
        Assert.Equal(3, Regex.Count(output, "^doppel$", RegexOptions.Multiline));
        Assert.Contains("not allowed", output, StringComparison.Ordinal);
        Assert.Contains("inet 10.5.0.1/24", output, StringComparison.Ordinal);
        Assert.Contains("nameserver 10.0.2.3", output, StringComparison.Ordinal);
        Assert.Contains("3 packets transmitted, 3 packets received", output, StringComparison.Ordinal);
        Assert.Contains("64 bytes from 10.77.0.1", output, StringComparison.Ordinal);
        Assert.Contains("52:54:00:12:34:56", output, StringComparison.Ordinal);
    }

    private static async Task WriteProgramAsync(string path, string body)
    {
        await File.WriteAllTextAsync(path, $"#!/bin/sh\n{body}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    private static async Task<(int Status, string Output)> RunAsync(MachineShed shed, string script)
    {
        ProcessStartInfo start = new(Tool.Path("unshare"), ["--net", "--map-root-user", "bash", "-c", script + "\n"])
        {
            WorkingDirectory = shed.State,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOPPEL_CACHE"] = Repository.ImageCache;
        start.Environment["DOPPEL_STATE"] = shed.State;
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(3));
        return (process.ExitCode, await output + await error);
    }
}
