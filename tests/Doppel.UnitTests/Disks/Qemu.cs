using System.Diagnostics;

namespace Doppel.UnitTests.Disks;

/// <summary>QEMU's programs for images as an outside oracle. A missing program is a failure.</summary>
internal static class Qemu
{
    /// <summary>Runs <c>qemu-img</c>, which must succeed.</summary>
    internal static string Image(params string[] arguments)
    {
        (int status, string output) = Run("qemu-img", arguments);
        Assert.True(status == 0, $"qemu-img {string.Join(' ', arguments)}: {status} {output}");
        return output;
    }

    /// <summary>Runs commands of <c>qemu-io</c> on an image.</summary>
    internal static void Io(string image, string format, params string[] commands)
    {
        (int status, string output) = Run("qemu-io", ["-f", format, .. commands.SelectMany(static c => new[] { "-c", c }), image]);
        Assert.True(status == 0, output);
    }

    /// <summary>Neither errors nor leaks.</summary>
    internal static void CheckClean(string image) => Image("check", "-f", "qcow2", image);

    /// <summary>No errors; clusters that are counted and not used may be there (status 3).</summary>
    internal static void CheckAtWorstLeaks(string image)
    {
        (int status, string output) = Run("qemu-img", ["check", "-f", "qcow2", image]);
        Assert.True(status is 0 or 3, output);
    }

    internal static (int Status, string Output) Run(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
