using System.Diagnostics;

namespace Doppel.SystemTests.Harness;

/// <summary>How a start of <c>./doppel</c> ended, and what it printed.</summary>
internal sealed record CommandStart(int Status, string Output, string Error);

/// <summary>
/// This tree as a clone that was never built, in which the first two starts of <c>./doppel</c> came at once: made once in a run. Below artifacts/,
/// where the next run replaces it.
/// </summary>
internal sealed class FreshClone
{
    private static readonly Lazy<Task<FreshClone>> s_clone = new(static () => Task.Run(MakeAsync));

    private readonly string _folder;

    private FreshClone(string folder, CommandStart[] firstStarts)
    {
        _folder = folder;
        FirstStarts = firstStarts;
    }

    /// <summary>The starts that found nothing built.</summary>
    internal IReadOnlyList<CommandStart> FirstStarts { get; }

    /// <summary>Where <c>./doppel</c> puts what it builds.</summary>
    internal string Home => Path.Combine(_folder, "artifacts", "cli");

    /// <summary>The command that it has built.</summary>
    internal string Assembly => Path.Combine(Home, "current", "doppel-cli.dll");

    internal static Task<FreshClone> MakeOnceAsync() => s_clone.Value;

    internal Task<CommandStart> StartAsync() => StartAsync(_folder);

    private static async Task<FreshClone> MakeAsync()
    {
        string folder = Path.Combine(Repository.Root, "artifacts", "test-clone");
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        await CopySourcesAsync(folder);
        return new(folder, await Task.WhenAll(StartAsync(folder), StartAsync(folder)));
    }

    private static async Task CopySourcesAsync(string folder)
    {
        (int status, string listing) = await Tool.RunAsync("git", "-C", Repository.Root, "ls-files", "-co", "--exclude-standard");
        Assert.True(status == 0, listing);
        string[] files = listing.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (string file in files.Where(static f => File.Exists(Path.Combine(Repository.Root, f))))
        {
            string target = Path.Combine(folder, file);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(Path.Combine(Repository.Root, file), target);
        }
    }

    private static async Task<CommandStart> StartAsync(string folder)
    {
        ProcessStartInfo start = new(Path.Combine(folder, "doppel"), ["--version"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        // The runner's own build settings must not leak into the build that it starts.
        foreach (string name in start.Environment.Keys.Where(static k => k.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
            start.Environment.Remove(name);
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new(process.ExitCode, await output, await error);
    }
}
