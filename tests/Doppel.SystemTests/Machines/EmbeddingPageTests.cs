using System.Diagnostics;
using System.Text.RegularExpressions;
using Doppel.SystemTests.Harness;

namespace Doppel.SystemTests.Machines;

/// <summary>The programs of docs/embedding.md, compiled and run with the files that they name.</summary>
public sealed class EmbeddingPageTests
{
    private static readonly string s_configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    [ToolFact("apt-get")]
    public async Task Page_EveryProgram_CompilesAndRuns()
    {
        await DoppelCli.EnsureImageAsync();
        using TemporaryFolder folder = new();
        await AddImageAsync(folder);
        Directory.CreateDirectory(folder.File("src"));
        await File.WriteAllTextAsync(folder.File("src/note"), "of the host\n");
        await WriteProjectAsync(folder);

        string built = await RunAsync(folder, "dotnet", "build", "-c", "Release", "-v", "quiet", "-nologo");
        string output = await RunAsync(folder, "dotnet", Path.Combine("bin", "Release", "net10.0", "Page.dll"));

        Assert.DoesNotContain("warning", built, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^PowerOff after \d+ instructions$", output);
        Assert.Contains("0: riscv64", output, StringComparison.Ordinal);
        Assert.Contains("/usr/lib/doppel/agent", output, StringComparison.Ordinal);
    }

    private static async Task AddImageAsync(TemporaryFolder folder)
    {
        string listing = (await DoppelCli.RunAsync("image", "inspect", "debian")).OutputText;
        File.CreateSymbolicLink(folder.File("Image"), Regex.Match(listing, @"^kernel .* (/\S+)$", RegexOptions.Multiline).Groups[1].Value);
        File.CreateSymbolicLink(folder.File("root.cpio"), Regex.Match(listing, @"^initrd .* (/\S+)$", RegexOptions.Multiline).Groups[1].Value);
    }

    private static async Task WriteProjectAsync(TemporaryFolder folder)
    {
        string libraries = Path.Combine(Repository.Root, "artifacts", "bin", "GuestExec", s_configuration);
        IEnumerable<string> references = Directory.GetFiles(libraries, "Doppel*.dll").Select(static f => $"<Reference Include=\"{f}\" />");
        await File.WriteAllTextAsync(folder.File("Page.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
              </PropertyGroup>
              <ItemGroup>{string.Concat(references)}</ItemGroup>
            </Project>
            """);
        string page = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "embedding.md"));
        string[] programs = [.. Regex.Matches(page, "^```csharp\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline).Select(static m => m.Groups[1].Value)];
        Assert.Equal(2, programs.Length);
        string usings = string.Concat(programs.SelectMany(static p => Regex.Matches(p, @"^using [\w.]+;\n", RegexOptions.Multiline)).Select(static m => m.Value).Distinct());
        IEnumerable<string> bodies = programs.Select(static p => Regex.Replace(p, @"^using [\w.]+;\n", "", RegexOptions.Multiline));
        await File.WriteAllTextAsync(folder.File("Program.cs"), usings
            + string.Concat(Enumerable.Range(0, programs.Length).Select(static i => $"await Program{i}();\n"))
            + string.Concat(bodies.Select(static (body, i) => $"static async Task Program{i}()\n{{\n{body}}}\n")));
    }

    private static async Task<string> RunAsync(TemporaryFolder folder, string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = folder.Path, RedirectStandardOutput = true, RedirectStandardError = true };
        // The runner's own build settings must not leak into the build that it starts.
        foreach (string name in start.Environment.Keys.Where(static k => k.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
            start.Environment.Remove(name);
        start.Environment["DOPPEL_CACHE"] = Repository.ImageCache;
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync() + await error;
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, output);
        return output;
    }
}
