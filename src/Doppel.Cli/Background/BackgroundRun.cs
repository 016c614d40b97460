using Doppel.Agent;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Running;
using Doppel.Host;

namespace Doppel.Cli.Background;

/// <summary>The process of a machine in the background, from its start to the last line in its state. Thread contract: one owner.</summary>
internal static class BackgroundRun
{
    private const int Killed = 9;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(8);

    /// <summary>Runs the machine to its end. Errors before it runs go to the process that waits for it; later ones to the process's log.</summary>
    internal static async Task<int> RunAsync(MachinePlan plan, RunRequest request, MachineFolder folder)
    {
        BackgroundProcess.LeaveSession();
        using StopSignals signals = new();
        using FileStream held = folder.TryLock() ?? throw new CliException($"{folder.Path} belongs to another process");
        folder.WriteState(new MachineState { Status = MachineStatus.Starting, Process = ProcessIdentity.Current });
        using ConsoleHub console = new(new BoundedLog(() => folder.ConsoleLog));
        using BoundedLog boot = new(() => folder.BootLog);
        await using VirtualMachine machine = await VirtualMachine.StartAsync(plan.Config with { Log = Console.Error.WriteLine });
        BackgroundStreams streams = BackgroundStreams.Connect(machine, plan, request, (console, boot));
        using MachineHost host = MachineHost.Start(folder, held, machine, console, plan.Config.Time);
        Console.Out.WriteLine(BackgroundLaunch.ReadyLine);
        await Console.Out.FlushAsync();
        BackgroundProcess.RedirectStreams(folder.ProcessLog);
        VirtualMachineExit exit = await EndOfAsync(machine, signals.Received);
        await streams.Drained;
        string? wish = signals.Received.IsCompleted ? "its process was asked to end" : host.StopReason;
        (int status, string reason) = Judge(exit, plan, streams.Control.Status, wish);
        console.Dispose();
        host.Finish(status, reason);
        if (request.AutoRemove) folder.Delete();
        return status;
    }

    // A signal is a wish that the guest is told of, as far as it listens.
    private static async Task<VirtualMachineExit> EndOfAsync(VirtualMachine machine, Task signal)
    {
        Task<VirtualMachineExit> end = machine.WaitForExitAsync();
        if (await Task.WhenAny(end, signal) == end) return await end;
        using CancellationTokenSource patience = new(s_patience);
        try
        {
            await machine.ResumeAsync();
            await machine.Agent.PowerAsync(GuestPower.PowerOff, patience.Token);
            return await machine.WaitForExitAsync(patience.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or GuestAgentException)
        {
            await machine.StopAsync();
            return await end;
        }
    }

    private static (int Status, string Reason) Judge(VirtualMachineExit exit, MachinePlan plan, int? command, string? wish) => exit.Reason switch
    {
        VirtualMachineExitReason.Timeout => (ExitStatus.Timeout, "the time given with --timeout is over"),
        VirtualMachineExitReason.Failure => (ExitStatus.Failure, $"internal error: {exit.Error?.Message}"),
        VirtualMachineExitReason.Cancelled => (ExitStatus.FromSignal(Killed), wish ?? "switched off"),
        VirtualMachineExitReason.GuestExit => (exit.Status & 0xFF, $"the guest ended with status {exit.Status & 0xFF}"),
        _ when command is { } status => (status, wish ?? "its command ended"),
        VirtualMachineExitReason.Reboot when plan.IsCommand => (ExitStatus.Failure, "the guest rebooted before its command ended"),
        _ => (ExitStatus.Success, wish ?? "the guest powered off"),
    };
}
