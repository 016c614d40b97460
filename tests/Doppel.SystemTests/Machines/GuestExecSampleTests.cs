using System.Diagnostics;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Machines;

/// <summary>The sample of docs/embedding.md, as a program of its own.</summary>
public sealed class GuestExecSampleTests
{
    private static readonly string s_configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    [ToolFact("apt-get")]
    public async Task GuestExec_WithACommand_PrintsWhatItPrintsAndMeasures()
    {
        await DoppelCli.EnsureImageAsync();
        string sample = Path.Combine(Repository.Root, "artifacts", "bin", "GuestExec", s_configuration, "GuestExec.dll");
        ProcessStartInfo start = new("dotnet", [sample, "--repeat", "3", "uname", "-m"]) { RedirectStandardOutput = true };
        start.Environment["DOPPEL_CACHE"] = Repository.ImageCache;
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        Assert.Matches(@"^riscv64\nvm\.ExecAsync, 3 times: least \d+\.\d\d ms, median ", output);
    }
}
