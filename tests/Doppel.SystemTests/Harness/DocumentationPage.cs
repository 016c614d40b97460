using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Doppel.SystemTests.Harness;

/// <summary>Runs the commands of a page below docs/, one after the other, as a reader would type them in a folder of their own.</summary>
internal static class DocumentationPage
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    /// <summary>Runs all blocks of the page that are marked as <c>sh</c>; each command must succeed.</summary>
    /// <param name="shed">Machines and folder of the test; <c>./doppel</c> is put into it.</param>
    /// <param name="page">Name of the file.</param>
    /// <param name="fewestBlocks">How many blocks the page has at least, so that a test of nothing does not pass.</param>
    /// <param name="preamble">Commands that a reader need not type, such as those of a test's own surroundings.</param>
    /// <param name="shell">Program and arguments before <c>bash</c>, for instance <c>unshare --net</c>.</param>
    /// <returns>Everything that was printed, output before errors.</returns>
    internal static async Task<string> RunAsync(MachineShed shed, string page, int fewestBlocks, string preamble = "", params string[] shell)
    {
        await DoppelCli.EnsureImageAsync();
        string text = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", page));
        string[] blocks = [.. Regex.Matches(text, "^```sh\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline).Select(static m => m.Groups[1].Value)];
        Assert.True(blocks.Length >= fewestBlocks, $"{page} has lost its commands");
        await AddProgramAsync(shed, "doppel", $"exec dotnet '{DoppelCli.Assembly}' \"$@\"");
        string[] line = [.. shell, "bash", "-c", $"set -eu\n{preamble}\n{string.Concat(blocks)}"];
        ProcessStartInfo start = new(Tool.Path(line[0]), line[1..])
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
        await process.WaitForExitAsync().WaitAsync(s_patience);
        string all = await output + await error;
        Assert.True(process.ExitCode == 0, all);
        return all;
    }

    /// <summary>Puts a script into the folder in which the page's commands run.</summary>
    internal static async Task AddProgramAsync(MachineShed shed, string name, string body)
    {
        await File.WriteAllTextAsync(shed.File(name), $"#!/bin/sh\n{body}\n");
        File.SetUnixFileMode(shed.File(name), UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }
}
