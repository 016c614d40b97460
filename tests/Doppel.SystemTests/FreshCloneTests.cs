using System.Diagnostics;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary><c>./doppel</c> in a tree that was never built.</summary>
public sealed class FreshCloneTests
{
    [ToolFact("git", "cc")]
    public async Task Doppel_StartedTwiceAtOnceInAFreshClone_BuildsOnceAndThenStartsAtOnce()
    {
        using TemporaryFolder folder = new();
        await CopySourcesAsync(folder.Path);
        (int Status, string Output, string Error)[] results = await Task.WhenAll(DoppelAsync(folder.Path), DoppelAsync(folder.Path));
        Assert.All(results, static r => Assert.True(r.Status == 0, r.Error));
        Assert.All(results, static r => Assert.Matches(@"^doppel \d", r.Output));
        Assert.Single(results.SelectMany(static r => r.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), static l => l.Contains("building", StringComparison.Ordinal));
        Assert.Single(Directory.GetDirectories(Path.Combine(folder.Path, "artifacts", "cli"), "app.*"));
        Assert.True(File.Exists(Path.Combine(folder.Path, "artifacts", "cli", "current", "doppel-exec")), "there is no native client");

        (int status, _, string error) = await DoppelAsync(folder.Path);
        Assert.Equal((0, ""), (status, error));
    }

    private static async Task CopySourcesAsync(string folder)
    {
        (int status, string listing) = await Tool.RunAsync("git", "-C", Repository.Root, "ls-files", "-co", "--exclude-standard");
        Assert.True(status == 0, listing);
        foreach (string file in listing.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(static f => File.Exists(Path.Combine(Repository.Root, f))))
        {
            string target = Path.Combine(folder, file);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(Path.Combine(Repository.Root, file), target);
        }
    }

    private static async Task<(int Status, string Output, string Error)> DoppelAsync(string folder)
    {
        using Process process = Process.Start(new ProcessStartInfo(Path.Combine(folder, "doppel"), ["--version"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }
}
