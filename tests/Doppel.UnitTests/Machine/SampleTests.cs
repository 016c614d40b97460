using System.Diagnostics;
using System.IO.Compression;
using System.Text.RegularExpressions;
using Doppel.UnitTests.House;

namespace Doppel.UnitTests.Machine;

public sealed class SampleTests : IDisposable
{
    private static readonly string s_configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    private static readonly string[] s_libraries = ["Doppel", "Doppel.RiscV", "Doppel.Jit", "Doppel.Devices", "Doppel.Core", "Doppel.Host"];

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

    [Fact]
    public void Pack_Solution_MakesAPackageOfEachLibraryWithReadmeAndDocumentation()
    {
        string solution = Path.Combine(SourceFile.Root, "Doppel.slnx");

        (int status, string output) = Run("dotnet", "pack", solution, "-c", s_configuration, "--no-build", "-o", _folder, "-v", "quiet");

        Assert.True(status == 0, output);
        string[] packages = Directory.GetFiles(_folder);
        Assert.Equal(s_libraries.Order(StringComparer.Ordinal), packages.Select(NameOf).Order(StringComparer.Ordinal));
        Assert.All(packages, static file =>
        {
            using ZipArchive package = ZipFile.OpenRead(file);
            string[] entries = [.. package.Entries.Select(static e => e.FullName)];
            Assert.Superset(new HashSet<string> { "README.md", $"lib/net10.0/{NameOf(file)}.dll", $"lib/net10.0/{NameOf(file)}.xml" }, entries.ToHashSet());
        });
    }

    private static string NameOf(string package) => Regex.Match(Path.GetFileName(package), @"^(.+?)\.\d[^/]*\.nupkg$").Groups[1].Value;

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
