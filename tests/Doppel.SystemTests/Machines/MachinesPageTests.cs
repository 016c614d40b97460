using System.Diagnostics;
using System.Text.RegularExpressions;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Machines;

/// <summary>The commands of docs/machines.md, one after the other, as a reader would type them.</summary>
public sealed class MachinesPageTests
{
    [ToolFact("apt-get", "curl")]
    public async Task Page_EveryCommand_Works()
    {
        await DoppelCli.EnsureImageAsync();
        await using MachineShed shed = new();
        string page = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "machines.md"));
        string[] blocks = [.. Regex.Matches(page, "^```sh\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline).Select(static m => m.Groups[1].Value)];
        Assert.True(blocks.Length >= 7, "the page has lost its commands");
        await File.WriteAllTextAsync(shed.File("doppel"), $"#!/bin/sh\nexec dotnet '{DoppelCli.Assembly}' \"$@\"\n");
        File.SetUnixFileMode(shed.File("doppel"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        (int status, string output) = await RunAsync(shed, "set -eu\n" + string.Concat(blocks));
        Assert.True(status == 0, output);
        Assert.Contains("Linux doppel", output, StringComparison.Ordinal);
        Assert.Contains("uid=1000", output, StringComparison.Ordinal);
        Assert.Contains("<h1>hello</h1>", output, StringComparison.Ordinal);
        Assert.Contains("80/tcp -> 127.0.0.1:", output, StringComparison.Ordinal);
        Assert.Contains("\nhello\n", output, StringComparison.Ordinal);
        Assert.Contains("(paused)", output, StringComparison.Ordinal);
        Assert.Contains("Debian", await File.ReadAllTextAsync(shed.File("guest-release")), StringComparison.Ordinal);
    }

    private static async Task<(int Status, string Output)> RunAsync(MachineShed shed, string script)
    {
        ProcessStartInfo start = new("bash", ["-c", script + "\n"]) { WorkingDirectory = shed.State, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DOPPEL_CACHE"] = Repository.ImageCache;
        start.Environment["DOPPEL_STATE"] = shed.State;
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(3));
        return (process.ExitCode, await output + await error);
    }
}
