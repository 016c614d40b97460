using System.Diagnostics;
using System.IO.Compression;
using Doppel.UnitTests.House;

namespace Doppel.UnitTests.Machine;

public sealed class SampleTests : IDisposable
{
    private static readonly string s_configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    private readonly string _folder = Directory.CreateTempSubdirectory("doppel-sample-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void BareMetalEcho_WithText_AnswersInCapitalsAndPowersOff()
    {
        string sample = Path.Combine(SourceFile.Root, "artifacts", "bin", "BareMetalEcho", s_configuration, "BareMetalEcho.dll");

        (int status, string output) = Run("dotnet", sample, "sample text");

        Assert.Equal(0, status);
        Assert.Contains("The machine answered: SAMPLE TEXT", output, StringComparison.Ordinal);
        Assert.Contains("ended with PowerOff", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Doppel")]
    [InlineData("Doppel.RiscV")]
    [InlineData("Doppel.Jit")]
    [InlineData("Doppel.Devices")]
    [InlineData("Doppel.Core")]
    [InlineData("Doppel.Host")]
    public void Pack_Library_MakesAPackageWithReadmeAndDocumentation(string name)
    {
        string project = Path.Combine(SourceFile.Root, "src", name, name + ".csproj");

        (int status, string output) = Run("dotnet", "pack", project, "-c", s_configuration, "--no-build", "-o", _folder, "-v", "quiet");

        Assert.True(status == 0, output);
        using ZipArchive package = ZipFile.OpenRead(Assert.Single(Directory.GetFiles(_folder, "*.nupkg")));
        string[] files = [.. package.Entries.Select(static e => e.FullName)];
        Assert.Contains("README.md", files);
        Assert.Contains($"lib/net10.0/{name}.dll", files);
        Assert.Contains($"lib/net10.0/{name}.xml", files);
    }

    private static (int Status, string Output) Run(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        // The runner's own build settings must not leak into the build that it starts.
        foreach (string name in start.Environment.Keys.Where(static k => k.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
            start.Environment.Remove(name);
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }
}
