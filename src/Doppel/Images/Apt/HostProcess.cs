using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Doppel.Images.Apt;

/// <summary>
/// Runs a program of the host with the C locale. Cancellation ends the whole process group politely, so that apt keeps what it has
/// downloaded, and then by force. Thread contract: stateless.
/// </summary>
internal static class HostProcess
{
    private const int ErrorTailLength = 4000;
    private static readonly TimeSpan s_gracePeriod = TimeSpan.FromSeconds(2);

    /// <summary>Path of a program on PATH or in the customary folders, or null.</summary>
    public static string? Find(string name)
    {
        string path = Environment.GetEnvironmentVariable("PATH") + ":/usr/bin:/bin:/usr/sbin:/sbin";
        return path.Split(':', StringSplitOptions.RemoveEmptyEntries).Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
    }

    /// <summary>Runs a program to its end and returns its output.</summary>
    /// <exception cref="AptException">It cannot be started or fails; the message holds the end of its error output.</exception>
    public static async Task<string> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        var output = new StringBuilder();
        await RunAsync(program, arguments, async reader =>
        {
            output.Append(await reader.ReadToEndAsync(cancellation).ConfigureAwait(false));
        }, cancellation).ConfigureAwait(false);
        return output.ToString();
    }

    /// <summary>Runs a program and hands its output to <paramref name="consume"/> while it runs.</summary>
    /// <exception cref="AptException">It cannot be started or fails; the message holds the end of its error output.</exception>
    public static async Task RunAsync(
        string program, IReadOnlyList<string> arguments, Func<StreamReader, Task> consume, CancellationToken cancellation)
    {
        using Process process = Start(program, arguments);
        Task<string> errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            await consume(process.StandardOutput).WaitAsync(cancellation).ConfigureAwait(false);
            await process.WaitForExitAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            if (!process.HasExited) await StopAsync(process).ConfigureAwait(false);
        }
        if (process.ExitCode == 0) return;
        string said = (await errors.ConfigureAwait(false)).Trim();
        if (said.Length > ErrorTailLength) said = "…" + said[^ErrorTailLength..];
        throw new AptException($"{Path.GetFileName(program)} ended with status {process.ExitCode}{(said.Length > 0 ? ":\n" + said : "")}");
    }

    private static Process Start(string program, IReadOnlyList<string> arguments)
    {
        // A session of its own: Ctrl-C in the terminal is ours to handle, and the group can be ended as one.
        string? setsid = Find("setsid");
        var start = new ProcessStartInfo(setsid ?? program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        if (setsid is not null) start.ArgumentList.Add(program);
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        start.Environment["LC_ALL"] = "C";
        start.Environment["DEBIAN_FRONTEND"] = "noninteractive";
        try
        {
            Process process = Process.Start(start) ?? throw new AptException($"cannot start {program}");
            process.StandardInput.Close();
            return process;
        }
        catch (Win32Exception e)
        {
            throw new AptException($"cannot start {program}: {e.Message}", e);
        }
    }

    private static async Task StopAsync(Process process)
    {
        string group = $"-{process.Id}";
        using (var kill = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "kill -TERM \"$1\" 2>/dev/null", "sh", group])))
            await (kill?.WaitForExitAsync(CancellationToken.None) ?? Task.CompletedTask).ConfigureAwait(false);
        using var grace = new CancellationTokenSource(s_gracePeriod);
        try
        {
            await process.WaitForExitAsync(grace.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
        }
    }
}
