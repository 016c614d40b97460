using System.Diagnostics;
using System.Text;

namespace Doppel.SystemTests.Harness;

/// <summary>What a run of the command printed, and its exit status.</summary>
internal sealed record CliResult(int Status, byte[] Output, byte[] Error)
{
    internal string OutputText => Encoding.UTF8.GetString(Output);

    internal string ErrorText => Encoding.UTF8.GetString(Error);
}

/// <summary>The command <c>doppel</c> as a process of its own, the way a user starts it.</summary>
internal static class DoppelCli
{
    // A guest command takes seconds; a machine that hangs must not hang the tests.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    /// <summary>Name of the shared image with a root disk: Debian with Python.</summary>
    internal const string RootImage = "python";

    private static readonly string s_built = Path.Combine(AppContext.BaseDirectory, "doppel-cli.dll");
    private static readonly Lazy<string> s_assembly = new(FindAssembly);
    private static readonly Lazy<Task> s_image = new(PullAsync);
    private static readonly Lazy<Task<string>> s_rootImage = new(PullRootAsync);

    /// <summary>
    /// The command: what the tests were built with; where <c>DOPPEL_TEST_FRESH_CLONE</c> is set, which <c>./dev test</c> does for a run of all tests,
    /// what a newcomer runs, the one that <c>./doppel</c> builds in a fresh clone. That takes half a minute once, and then each start a third of the time.
    /// </summary>
    internal static string Assembly => s_assembly.Value;

    /// <summary>Pulls the image once for all tests of a run.</summary>
    internal static Task EnsureImageAsync() => s_image.Value;

    /// <summary>Makes the image with a root disk once for all tests of a run, as a user who may nothing. Gives what was printed.</summary>
    internal static Task<string> EnsureRootImageAsync() => s_rootImage.Value;

    internal static Task<CliResult> RunAsync(params string[] arguments) => RunAsync(arguments, []);

    internal static Task<CliResult> RunAsync(string[] arguments, byte[] input) => RunAsync(arguments, input, state: null);

    /// <summary>Runs the command with a state folder of its own, so that it sees no machines but those.</summary>
    internal static Task<CliResult> RunAsync(string[] arguments, byte[] input, string? state) => FinishAsync(Start(arguments, state), arguments, input);

    /// <summary>Gives a process its input and waits for its end.</summary>
    internal static async Task<CliResult> FinishAsync(Process started, string[] arguments, byte[] input)
    {
        using Process process = started;
        using CancellationTokenSource limit = new(s_patience);
        Task<byte[]> output = ReadAsync(process.StandardOutput.BaseStream), error = ReadAsync(process.StandardError.BaseStream);
        Task feed = FeedAsync(process.StandardInput.BaseStream, input);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"doppel {string.Join(' ', arguments)} did not end; it printed: {Encoding.UTF8.GetString(await output)}{Encoding.UTF8.GetString(await error)}");
        }
        await feed;
        return new(process.ExitCode, await output, await error);
    }

    /// <summary>Runs a command in the guest of the shared image.</summary>
    internal static async Task<CliResult> GuestAsync(params string[] command)
    {
        await EnsureImageAsync();
        return await RunAsync(["run", "--", .. command], []);
    }

    internal static Process Start(params string[] arguments) => Start(arguments, state: null);

    internal static Process Start(string[] arguments, string? state) => Start(Assembly, arguments, state);

    private static Process Start(string assembly, string[] arguments, string? state)
    {
        ProcessStartInfo start = new("dotnet", [assembly, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOPPEL_CACHE"] = Repository.ImageCache;
        if (state is not null) start.Environment["DOPPEL_STATE"] = state;
        return Process.Start(start)!;
    }

    private static string FindAssembly()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("DOPPEL_TEST_FRESH_CLONE"))) return s_built;
        FreshClone clone = FreshClone.MakeOnceAsync().GetAwaiter().GetResult();
        Assert.All(clone.FirstStarts, static s => Assert.True(s.Status == 0, s.Error));
        return clone.Assembly;
    }

    // The images need not wait for the clone: this is done meanwhile.
    private static Task<CliResult> RunBuiltAsync(params string[] arguments) => FinishAsync(Start(s_built, arguments, state: null), arguments, []);

    private static async Task PullAsync()
    {
        if ((await RunBuiltAsync("image", "inspect", "debian")).Status == 0) return;
        CliResult result = await RunBuiltAsync("image", "pull", "debian");
        Assert.True(result.Status == 0, result.ErrorText);
    }

    // In a user namespace in which nobody is anybody, root of the host has no more rights than its files give it.
    private static async Task<string> PullRootAsync()
    {
        await EnsureImageAsync();
        (int status, string output) = await Tool.RunAsync("unshare", "--user", "env", $"DOPPEL_CACHE={Repository.ImageCache}",
            "dotnet", s_built, "image", "pull", "debian", "--packages", "python3", "--name", RootImage, "--size", "4G");
        Assert.True(status == 0, output);
        return output;
    }

    private static async Task<byte[]> ReadAsync(Stream stream)
    {
        MemoryStream all = new();
        await stream.CopyToAsync(all);
        return all.ToArray();
    }

    // A command that does not read its input may end before all of it is written.
    private static async Task FeedAsync(Stream stream, byte[] input)
    {
        try
        {
            await stream.WriteAsync(input);
            stream.Close();
        }
        catch (IOException)
        {
            await stream.DisposeAsync().AsTask().ContinueWith(static _ => { });
        }
    }
}
