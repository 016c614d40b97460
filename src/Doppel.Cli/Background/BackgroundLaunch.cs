using System.Diagnostics;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Running;

namespace Doppel.Cli.Background;

/// <summary>
/// Starts a machine in a process of its own: the same command with the same words once more, told by a variable that it is the one that stays.
/// Thread contract: one owner.
/// </summary>
internal static class BackgroundLaunch
{
    /// <summary>What the new process says when the machine runs.</summary>
    internal const string ReadyLine = "ready";

    private const string FolderVariable = "DOPPEL_MACHINE_FOLDER";

    /// <summary>In the process that stays: the folder of its machine. Null in any other.</summary>
    internal static MachineFolder? OwnFolder => Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } path ? new MachineFolder(path) : null;

    /// <summary>What a machine is started as.</summary>
    internal static MachineRecord Record(MachinePlan plan, RunRequest request) => new()
    {
        Name = request.Name ?? "",
        Created = DateTimeOffset.UtcNow,
        Image = request.Image ?? (request.Kernel is { } kernel ? Path.GetFileName(kernel) : Images.ImageStore.DefaultImage),
        Command = request.Command ?? [],
        Cpus = plan.Config.Cpus,
        CpuWeight = plan.Config.CpuShare.Weight,
        CpuLimit = plan.Config.CpuShare.Limit,
        Pinned = plan.Config.CpuShare.Pinned,
        MemoryBytes = plan.Config.MemoryBytes,
        Engine = plan.Config.Engine,
        Arguments = [.. Environment.GetCommandLineArgs().Skip(1)],
        Folder = Environment.CurrentDirectory,
        AutoRemove = request.AutoRemove || !request.Detach,
    };

    /// <summary>Starts a new machine's process, waits until the machine runs, and prints its name. Nothing stays of one that does not start.</summary>
    internal static async Task<int> RunAsync(MachineFolder folder, CancellationToken cancellation)
    {
        int status = ExitStatus.Failure;
        try
        {
            status = await StartAsync(folder, Environment.GetCommandLineArgs(), Environment.CurrentDirectory, cancellation);
            if (status == ExitStatus.Success) Console.WriteLine(folder.Name);
            return status;
        }
        finally
        {
            if (status != ExitStatus.Success) folder.Delete();
        }
    }

    /// <summary>Starts a machine that has ended, as it was started before.</summary>
    /// <returns>0, or the status of the process, which has said why.</returns>
    internal static Task<int> StartAgainAsync(MachineFolder folder, MachineRecord record, CancellationToken cancellation)
    {
        string own = Path.GetFullPath(Environment.GetCommandLineArgs()[0]);
        string from = Directory.Exists(record.Folder) ? record.Folder : Environment.CurrentDirectory;
        return StartAsync(folder, [own, .. record.Arguments], from, cancellation);
    }

    private static async Task<int> StartAsync(MachineFolder folder, string[] words, string from, CancellationToken cancellation)
    {
        using Process child = Start(folder, words, from);
        Task<string> errors = child.StandardError.ReadToEndAsync(cancellation);
        try
        {
            if (await child.StandardOutput.ReadLineAsync(cancellation) == ReadyLine) return ExitStatus.Success;
            await child.WaitForExitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            child.Kill();
            throw;
        }
        Console.Error.Write(await errors);
        return child.ExitCode == 0 ? ExitStatus.Failure : child.ExitCode;
    }

    private static Process Start(MachineFolder folder, string[] words, string from)
    {
        string program = Environment.ProcessPath ?? "dotnet";
        bool isHost = Path.GetFileNameWithoutExtension(program) == "dotnet";
        ProcessStartInfo start = new(program, isHost ? words : words[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = from,
        };
        start.Environment[FolderVariable] = folder.Path;
        Process child = Process.Start(start) ?? throw new CliException($"{program} cannot be started");
        child.StandardInput.Close();
        return child;
    }
}
