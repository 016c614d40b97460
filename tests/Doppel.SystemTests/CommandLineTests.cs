using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>The command without a guest: what it says, and its exit status.</summary>
public sealed class CommandLineTests
{
    [Fact]
    public async Task Version_IsOneLine()
    {
        CliResult result = await DoppelCli.RunAsync("--version");
        Assert.Equal(0, result.Status);
        Assert.Matches(@"^doppel \d+\.\d+\.\d+\n$", result.OutputText);
    }

    [Theory]
    [InlineData("run", "--kernel", "--append")]
    [InlineData("image", "pull", "inspect")]
    [InlineData("doctor", "--json", "KVM")]
    [InlineData("completion", "bash", "fish")]
    public async Task Help_OfACommand_IsOnStandardOutput(string command, string first, string second)
    {
        CliResult result = await DoppelCli.RunAsync(command, "--help");
        Assert.Equal(0, result.Status);
        Assert.Contains(first, result.OutputText, StringComparison.Ordinal);
        Assert.Contains(second, result.OutputText, StringComparison.Ordinal);
        Assert.Empty(result.ErrorText);
    }

    [Theory]
    [InlineData("512M or 2G", "run", "--memory", "lots")]
    [InlineData("did you mean `--kernel`", "run", "-kernel", "Image")]
    [InlineData("did you mean `run`", "rnu")]
    [InlineData("auto, interp, jit", "run", "--engine", "tcg")]
    [InlineData("stdio, null", "run", "--serial", "tcp:1234")]
    [InlineData("at least", "run", "--memory", "1M", "--kernel", "Image")]
    [InlineData("`doppel run debian uname`", "run", "uname")]
    [InlineData("podman export", "run", "docker.io/library/alpine")]
    [InlineData("need an image", "run", "--kernel", "Image", "--", "uname")]
    [InlineData("nothing after --", "doctor", "--", "uname")]
    [InlineData("Usage:", "image")]
    public async Task Usage_Wrong_HasStatusTwoAndSaysWhatToType(string said, params string[] arguments)
    {
        CliResult result = await DoppelCli.RunAsync(arguments);
        Assert.Equal(2, result.Status);
        Assert.Empty(result.OutputText);
        Assert.Contains(said, result.ErrorText, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--kernel", "no/such/Image")]
    [InlineData("--kernel", "/dev/null")]
    [InlineData("--kernel", "/")]
    public async Task Run_FileThatCannotBeRun_NamesItWithoutAStackTrace(string option, string file)
    {
        CliResult result = await DoppelCli.RunAsync("run", option, file);
        Assert.Equal(125, result.Status);
        Assert.Contains(file, result.ErrorText, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ImageInspect_ImageThatIsNotThere_SaysHowToPullIt()
    {
        CliResult result = await DoppelCli.RunAsync("image", "inspect", "beos");
        Assert.Equal(125, result.Status);
        Assert.Contains("doppel image pull", result.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_AsJson_NamesTheEngineAndMeasuresKvm()
    {
        CliResult result = await DoppelCli.RunAsync("doctor", "--json");
        Assert.Equal(0, result.Status);
        using System.Text.Json.JsonDocument report = System.Text.Json.JsonDocument.Parse(result.Output);
        IEnumerable<string?> subjects = report.RootElement.GetProperty("findings").EnumerateArray().Select(static f => f.GetProperty("subject").GetString());
        Assert.Superset(new HashSet<string?> { "CPU", "Memory", "KVM", "TUN", "Huge pages", "Control groups", "apt", "Engine" }, subjects.ToHashSet());
    }
}
