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
        AutoRemove = request.AutoRemove || !request.Detach,
    };

    /// <summary>Starts the process, waits until the machine runs, and prints its name.</summary>
    internal static async Task<int> RunAsync(MachineFolder folder, CancellationToken cancellation)
    {
        using Process child = Start(folder);
        Task<string> errors = child.StandardError.ReadToEndAsync(cancellation);
        try
        {
            if (await child.StandardOutput.ReadLineAsync(cancellation) == ReadyLine)
            {
                Console.WriteLine(folder.Name);
                return ExitStatus.Success;
            }
            await child.WaitForExitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            child.Kill();
            folder.Delete();
            throw;
        }
        Console.Error.Write(await errors);
        folder.Delete();
        return child.ExitCode == 0 ? ExitStatus.Failure : child.ExitCode;
    }

    private static Process Start(MachineFolder folder)
    {
        string[] words = Environment.GetCommandLineArgs();
        string program = Environment.ProcessPath ?? "dotnet";
        bool isHost = Path.GetFileNameWithoutExtension(program) == "dotnet";
        ProcessStartInfo start = new(program, isHost ? words : words[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[FolderVariable] = folder.Path;
        Process child = Process.Start(start) ?? throw new CliException($"{program} cannot be started");
        child.StandardInput.Close();
        return child;
    }
}
