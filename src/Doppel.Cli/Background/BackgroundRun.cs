using Doppel.Agent;
using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Running;
using Doppel.Core.Time;
using Doppel.Host;

namespace Doppel.Cli.Background;

/// <summary>
/// The process of a machine in the background, from its start to the last line in its state; the machine may end and start again in it.
/// Thread contract: one owner.
/// </summary>
internal sealed class BackgroundRun
{
    private const int Killed = 9;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(8);

    private readonly MachinePlan _plan;
    private readonly RunRequest _request;
    private readonly (ConsoleHub Console, BoundedLog Boot) _logs;
    private readonly Task _signal;

    private BackgroundRun(MachinePlan plan, RunRequest request, (ConsoleHub Console, BoundedLog Boot) logs, Task signal)
    {
        _plan = plan;
        _request = request;
        _logs = logs;
        _signal = signal;
    }

    /// <summary>Runs the machine to its end. Errors before it runs go to the process that waits for it; later ones to the process's log.</summary>
    internal static async Task<int> RunAsync(MachinePlan plan, RunRequest request, MachineFolder folder)
    {
        BackgroundProcess.LeaveSession();
        using StopSignals signals = new();
        using FileStream held = folder.TryLock() ?? throw new CliException($"{folder.Path} belongs to another process");
        folder.WriteState(new MachineState { Status = MachineStatus.Starting, Process = ProcessIdentity.Current });
        using ConsoleHub console = new(new BoundedLog(() => folder.ConsoleLog));
        using BoundedLog boot = new(() => folder.BootLog);
        using MachineHost host = new(folder, held, console, plan.Config.Time);
        BackgroundRun run = new(plan, request, (console, boot), signals.Received);
        MachineEnd end = await run.LiveAsync(host, () => ReportReady(folder));
        end = await run.StartAgainAsync(host, end);
        console.Dispose();
        host.Finish(end);
        if (request.AutoRemove) folder.Delete();
        return end.Status;
    }

    private static void ReportReady(MachineFolder folder)
    {
        Console.Out.WriteLine(BackgroundLaunch.ReadyLine);
        Console.Out.Flush();
        BackgroundProcess.RedirectStreams(folder.ProcessLog);
    }

    private async Task<MachineEnd> StartAgainAsync(MachineHost host, MachineEnd end)
    {
        TimeSpan pause = TimeSpan.Zero;
        while (!end.IsWish && _request.Restart.StartsAgain(end.Status, host.Restarts))
        {
            pause = RestartPolicy.PauseAfter(pause, end.Life);
            if (!await host.StandByAsync(end, pause, _signal)) return end with { Reason = WishOf(host)! };
            try
            {
                end = await LiveAsync(host, static () => { });
            }
            catch (Exception e) when (e is VirtualMachineException or IOException or UnauthorizedAccessException)
            {
                Console.Error.WriteLine($"doppel: the machine did not start again: {e.Message}");
                end = new MachineEnd(ExitStatus.Failure, e.Message);
            }
        }
        return end;
    }

    // Once from the start of the machine to its end, when its files are closed.
    private async Task<MachineEnd> LiveAsync(MachineHost host, Action began)
    {
        HostStopwatch life = new();
        life.Start();
        await using VirtualMachine machine = await VirtualMachine.StartAsync(_plan.Config with { Log = Console.Error.WriteLine });
        BackgroundStreams streams = BackgroundStreams.Connect(machine, _plan, _request, _logs);
        host.Adopt(machine);
        began();
        // Somebody may have wished for the end before there was a machine again.
        if (host.StopReason is not null) await machine.StopAsync();
        VirtualMachineExit exit = await EndOfAsync(machine);
        await streams.Drained;
        string? wish = WishOf(host);
        return Judge(exit, streams.Control.Status, wish) with { IsWish = wish is not null, Life = life.Elapsed };
    }

    private string? WishOf(MachineHost host) => _signal.IsCompleted ? "its process was asked to end" : host.StopReason;

    // A signal is a wish that the guest is told of, as far as it listens.
    private async Task<VirtualMachineExit> EndOfAsync(VirtualMachine machine)
    {
        Task<VirtualMachineExit> end = machine.WaitForExitAsync();
        if (await Task.WhenAny(end, _signal) == end) return await end;
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

    private MachineEnd Judge(VirtualMachineExit exit, int? command, string? wish) => exit.Reason switch
    {
        VirtualMachineExitReason.Timeout => new(ExitStatus.Timeout, "the time given with --timeout is over"),
        VirtualMachineExitReason.Failure => new(ExitStatus.Failure, $"internal error: {exit.Error?.Message}"),
        VirtualMachineExitReason.Cancelled => new(ExitStatus.FromSignal(Killed), wish ?? "switched off"),
        VirtualMachineExitReason.GuestExit => new(exit.Status & 0xFF, $"the guest ended with status {exit.Status & 0xFF}"),
        _ when command is { } status => new(status, wish ?? "its command ended"),
        VirtualMachineExitReason.Reboot when _plan.IsCommand => new(ExitStatus.Failure, "the guest rebooted before its command ended"),
        _ => new(ExitStatus.Success, wish ?? "the guest powered off"),
    };
}
