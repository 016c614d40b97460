using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary><c>doppel run -- COMMAND</c>: one command in a Debian guest.</summary>
public sealed class RunCommandTests
{
    [ToolFact("apt-get")]
    public async Task Run_Uname_PrintsRiscv64AndNothingElse()
    {
        CliResult result = await DoppelCli.GuestAsync("uname", "-m");
        Assert.Equal((0, "riscv64\n", ""), (result.Status, result.OutputText, result.ErrorText));
    }

    [ToolFact("apt-get")]
    public async Task Run_CatProcVersion_PrintsDebiansKernel()
    {
        CliResult result = await DoppelCli.GuestAsync("cat", "/proc/version");
        Assert.Equal(0, result.Status);
        Assert.Matches(@"^Linux version [^\n]*-riscv64 [^\n]*Debian[^\n]*\n$", result.OutputText);
    }

    [ToolFact("apt-get")]
    public async Task Run_CodeCacheSmallerThanTheKernel_IsEmptiedAndGoesOn()
    {
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync("run", "--engine", "jit", "--jit-cache", "6M", "--stats", "--json", "--", "uname", "-m");
        Assert.Equal((0, "riscv64\n"), (result.Status, result.OutputText));
        JsonElement translation = JsonDocument.Parse(result.Error).RootElement.GetProperty("translation");
        Assert.InRange(translation.GetProperty("cacheFlushes").GetInt64(), 1, long.MaxValue);
    }

    [ToolFact("apt-get")]
    public async Task Run_CommandThatFails_GivesItsStatus()
        => Assert.Equal(7, (await DoppelCli.GuestAsync("sh", "-c", "exit 7")).Status);

    [ToolFact("apt-get")]
    public async Task Run_CommandThatIsNotThere_Gives127AndSaysSo()
    {
        CliResult result = await DoppelCli.GuestAsync("no-such-command");
        Assert.Equal(127, result.Status);
        Assert.Contains("no-such-command", result.ErrorText, StringComparison.Ordinal);
    }

    [ToolFact("apt-get")]
    public async Task Run_Streams_AreSeparateAndBinaryClean()
    {
        byte[] input = RandomNumberGenerator.GetBytes(200_000);
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync(["run", "--", "sh", "-c", "tee /tmp/copy; sha256sum </tmp/copy >&2"], input);
        Assert.Equal(0, result.Status);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(input)) + "  -\n", result.ErrorText);
        Assert.Equal(input, result.Output);
    }

    [ToolFact("apt-get")]
    public async Task Run_Arguments_ArriveAsTheyWereTyped()
    {
        string[] arguments = ["two words", "it's", "a\"b", "$HOME", "line\nbreak", "", "--help", "ü\\"];
        CliResult result = await DoppelCli.GuestAsync(["printf", "%s|", .. arguments]);
        Assert.Equal(string.Concat(arguments.Select(static a => a + "|")), result.OutputText);
    }

    [ToolFact("apt-get")]
    public async Task Run_ScriptOnStandardInput_IsRunByAShell()
    {
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync(["run"], "echo $((6 * 7))\nexit 3\n"u8.ToArray());
        Assert.Equal((3, "42\n"), (result.Status, result.OutputText));
    }

    [ToolFact("apt-get")]
    public async Task Run_Verbose_ShowsTheBootOnStandardErrorOnly()
    {
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync("run", "--verbose", "--", "echo", "done");
        Assert.Equal((0, "done\n"), (result.Status, result.OutputText));
        Assert.Contains("Linux version", result.ErrorText, StringComparison.Ordinal);
        Assert.Contains("Run /init as init process", result.ErrorText, StringComparison.Ordinal);
    }

    [ToolFact("apt-get")]
    public async Task Run_Stats_AreJsonWithPlausibleNumbers()
    {
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync("run", "--stats", "--json", "--", "true");
        Assert.Equal(0, result.Status);
        JsonElement stats = JsonDocument.Parse(result.Error).RootElement;
        Assert.InRange(stats.GetProperty("instructions").GetUInt64(), 100_000_000UL, 5_000_000_000UL);
        Assert.True(stats.GetProperty("firstKernelLineSeconds").GetDouble() < stats.GetProperty("initSeconds").GetDouble());
        Assert.InRange(stats.GetProperty("peakMemoryBytes").GetUInt64(), 32UL << 20, 2UL << 30);
        Assert.True(stats.GetProperty("exits").EnumerateObject().Any());
    }

    [ToolFact("apt-get")]
    public async Task Run_Timeout_EndsWith124()
    {
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync("run", "--timeout", "2", "--", "sleep", "1000");
        Assert.Equal(124, result.Status);
        Assert.Contains("--timeout", result.ErrorText, StringComparison.Ordinal);
    }

    [ToolFact("apt-get")]
    public async Task Run_Terminated_EndsInOrderWith143()
    {
        await DoppelCli.EnsureImageAsync();
        using Process process = DoppelCli.Start("run", "--", "sh", "-c", "echo ready; sleep 1000");
        Assert.Equal("ready", await process.StandardOutput.ReadLineAsync());
        await Tool.RunAsync("/bin/kill", "-TERM", process.Id.ToString(CultureInfo.InvariantCulture));
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(143, process.ExitCode);
    }

    [ToolFact("apt-get")]
    public async Task Run_ReaderGoesAway_EndsLikeAnyProgramInAPipe()
    {
        await DoppelCli.EnsureImageAsync();
        using Process process = DoppelCli.Start("run", "--", "yes");
        Assert.Equal("y", await process.StandardOutput.ReadLineAsync());
        process.StandardOutput.Close();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(141, process.ExitCode);
    }

    [ToolFact("apt-get")]
    public async Task Run_Poweroff_EndsWithZero()
        => Assert.Equal(0, (await DoppelCli.GuestAsync("poweroff")).Status);

    [ToolFact("apt-get")]
    public async Task Run_TwoAtOnce_DoNotDisturbEachOther()
    {
        CliResult[] results = await Task.WhenAll(DoppelCli.GuestAsync("echo", "one"), DoppelCli.GuestAsync("echo", "two"));
        Assert.Equal(["one\n", "two\n"], results.Select(static r => Encoding.UTF8.GetString(r.Output)));
    }
}
