using System.Diagnostics;

namespace Doppel.IsaTests.Oracle;

/// <summary>A program from outside that says what is right.</summary>
/// <param name="Command">Name on the path.</param>
/// <param name="Package">Debian package that holds it.</param>
internal sealed record ExternalTool(string Command, string Package)
{
    internal static readonly ExternalTool Assembler = new("riscv64-linux-gnu-as", "binutils-riscv64-linux-gnu");
    internal static readonly ExternalTool ObjectCopy = new("riscv64-linux-gnu-objcopy", "binutils-riscv64-linux-gnu");
    internal static readonly ExternalTool QemuUser = new("qemu-riscv64", "qemu-user");
    internal static readonly ExternalTool QemuSystem = new("qemu-system-riscv64", "qemu-system-misc");

    /// <summary>Null where the tool is there or must be there; otherwise why tests that need it are skipped.</summary>
    internal static string? WhySkip(params ExternalTool[] tools)
    {
        // Continuous integration has every oracle; there, a missing one must not pass as a skipped test.
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI"))) return null;
        return tools.FirstOrDefault(t => !t.IsInstalled) is { } missing ? $"{missing.Command} is missing: apt-get install {missing.Package}" : null;
    }

    private bool IsInstalled =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, Command)));

    /// <summary>Runs the tool to its end.</summary>
    /// <returns>What it wrote to standard output.</returns>
    /// <exception cref="InvalidOperationException">It failed or took too long; the message holds what it said.</exception>
    internal byte[] Run(IEnumerable<string> arguments, TimeSpan timeout)
    {
        var info = new ProcessStartInfo(Command, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        using Process process = Process.Start(info) ?? throw new InvalidOperationException($"{Command} did not start");
        process.StandardInput.Close();
        using var output = new MemoryStream();
        Task copy = process.StandardOutput.BaseStream.CopyToAsync(output);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(timeout))
        {
            process.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"{Command} {string.Join(' ', info.ArgumentList)}: still running after {timeout.TotalSeconds} s");
        }
        Task.WaitAll(copy, errors);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{Command} {string.Join(' ', info.ArgumentList)}: exit status {process.ExitCode}\n{errors.Result}");
        return output.ToArray();
    }
}
