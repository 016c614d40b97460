using System.Diagnostics;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests;

/// <summary>A host whose processor lacks what translated code needs, as .NET sees it when it is told not to use AVX2.</summary>
public sealed class EngineTests
{
    [Theory]
    [InlineData("--engine", "jit")]
    [InlineData("--verify", "--time", "icount")]
    public async Task Run_TranslatorOnAHostThatCannot_SaysSoAndWhatToDo(params string[] options)
    {
        CliResult result = await RunAsync(["run", .. options, "--kernel", "none"]);

        Assert.Equal(2, result.Status);
        Assert.Contains("AVX2", result.ErrorText, StringComparison.Ordinal);
        Assert.Contains("--engine interp", result.ErrorText, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.ErrorText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_HostThatCannotTranslate_NamesTheEngineThatIsUsed()
    {
        CliResult result = await RunAsync(["doctor"]);

        Assert.Contains("--engine auto chooses interp: .NET is told not to use", result.OutputText, StringComparison.Ordinal);
    }

    private static Task<CliResult> RunAsync(string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", [DoppelCli.Assembly, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOTNET_EnableAVX2"] = "0";
        return DoppelCli.FinishAsync(Process.Start(start)!, arguments, []);
    }
}
