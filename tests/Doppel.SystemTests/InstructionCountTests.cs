using System.Text.Json;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary><c>--time icount</c>: a boot is a pure function of its inputs.</summary>
public sealed class InstructionCountTests
{
    [ToolFact("apt-get")]
    public async Task InstructionCount_TwoBoots_AreTheSameToTheLastInstruction()
    {
        using TemporaryFolder folder = new();
        (string firstLog, CliResult first) = await BootAsync(folder.File("first"));
        (string secondLog, CliResult second) = await BootAsync(folder.File("second"));
        Assert.Equal(firstLog, secondLog);
        Assert.Equal(first.OutputText, second.OutputText);
        Assert.Equal(Instructions(first), Instructions(second));
        Assert.Contains("Linux version", firstLog, StringComparison.Ordinal);
    }

    [ToolFact("apt-get")]
    public async Task InstructionCount_TwoCpusOnBothEngines_AreTheSameToTheLastInstruction()
    {
        using TemporaryFolder folder = new();
        (string log, CliResult jit) = await BootAsync(folder.File("jit"), "--cpus", "2", "--engine", "jit");
        (string interpLog, CliResult interp) = await BootAsync(folder.File("interp"), "--cpus", "2", "--engine", "interp");
        Assert.Equal(log, interpLog);
        Assert.Equal(jit.OutputText, interp.OutputText);
        Assert.Equal(Instructions(jit), Instructions(interp));
        Assert.Contains("Brought up 1 node, 2 CPUs", log, StringComparison.Ordinal);
    }

    [ToolFact("apt-get")]
    public async Task Verify_DebianBoot_FindsNoDifferenceAndCountsTheSame()
    {
        using TemporaryFolder folder = new();
        (string log, CliResult jit) = await BootAsync(folder.File("jit"), "--engine", "jit");
        (string verifiedLog, CliResult verified) = await BootAsync(folder.File("verified"), "--engine", "jit", "--verify");
        Assert.Equal(log, verifiedLog);
        Assert.Equal(jit.OutputText, verified.OutputText);
        Assert.Equal(Instructions(jit), Instructions(verified));
    }

    // The command prints what differs wherever time or chance leak in: uptime, the clock, random numbers, interrupt counts.
    private static async Task<(string Log, CliResult Result)> BootAsync(string log, params string[] options)
    {
        await DoppelCli.EnsureImageAsync();
        CliResult result = await DoppelCli.RunAsync(["run", "--time", "icount", "--stats", "--json", "--serial", "file:" + log, .. options, "--",
            "sh", "-c", "cat /proc/uptime /proc/interrupts; date +%s.%N; head -c 16 /dev/urandom | od -x"]);
        Assert.True(result.Status == 0, result.ErrorText);
        return (await File.ReadAllTextAsync(log), result);
    }

    private static ulong Instructions(CliResult result) => JsonDocument.Parse(result.Error).RootElement.GetProperty("instructions").GetUInt64();
}
