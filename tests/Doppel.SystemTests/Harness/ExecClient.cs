using System.Diagnostics;

namespace Doppel.SystemTests.Harness;

/// <summary>The native client of <c>doppel exec</c>, compiled once for all tests of a run, beside the managed command as <c>./doppel</c> puts it.</summary>
internal static class ExecClient
{
    private static readonly Lazy<Task<string>> s_path = new(CompileAsync);

    /// <summary>Its file; the first call compiles it, with all warnings as errors.</summary>
    internal static Task<string> PathAsync() => s_path.Value;

    /// <summary>Starts it as <c>doppel exec ...</c>.</summary>
    /// <param name="arguments">The words behind <c>exec</c>.</param>
    /// <param name="state">The state folder.</param>
    /// <param name="mayHandOver">False to keep <c>dotnet</c> from it, so that it can do nothing but what it does itself.</param>
    internal static async Task<Process> StartAsync(string[] arguments, string state, bool mayHandOver = false)
    {
        ProcessStartInfo start = new(await PathAsync(), ["exec", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOPPEL_STATE"] = state;
        if (!mayHandOver) start.Environment["PATH"] = "/no/programs/here";
        return Process.Start(start)!;
    }

    private static async Task<string> CompileAsync()
    {
        string path = Path.Combine(AppContext.BaseDirectory, "doppel-exec");
        (int status, string output) = await Tool.RunAsync("env", "CFLAGS=-Wall -Wextra -Werror", Path.Combine(Repository.Root, "client", "build"), path);
        Assert.True(status == 0, output);
        return path;
    }
}
