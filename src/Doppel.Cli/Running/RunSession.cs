using Doppel.Cli.Machines;
using Doppel.Cli.Output;
using Doppel.Cli.Translation;
using Doppel.Core.Diagnostics;
using Doppel.Host.Terminal;

namespace Doppel.Cli.Running;

/// <summary>One <c>doppel run</c> from the start of the machine to the exit status.</summary>
internal static class RunSession
{
    private const int TailLines = 25;

    /// <summary>Runs a machine to its end. The terminal is as it was when this returns or throws.</summary>
    /// <param name="plan">The machine.</param>
    /// <param name="request">What was typed.</param>
    /// <param name="folder">Where others find the machine, or null; it goes when the machine has ended.</param>
    internal static async Task<int> RunAsync(MachinePlan plan, RunRequest request, MachineFolder? folder)
    {
        using StopSignals signals = new();
        using FileStream? held = folder?.TryLock();
        try
        {
            return await RunAsync(plan, request, (folder, held), signals);
        }
        finally
        {
            folder?.Delete();
        }
    }

    private static async Task<int> RunAsync(MachinePlan plan, RunRequest request, (MachineFolder? Folder, FileStream? Lock) place, StopSignals signals)
    {
        using TranslationListener? listener = TranslationListener.Open(request.TraceFile, request.PerfMap);
        VirtualMachineExit? exit;
        VirtualMachineStatistics? statistics;
        GuestStreams streams;
        int status;
        using (TerminalSession? terminal = plan.IsInteractive && TerminalSession.IsPossible ? TerminalSession.Start() : null)
        {
            await using MachineMessages messages = new(isRaw: terminal is not null);
            VirtualMachineConfig config = (listener?.Attach(plan.Config) ?? plan.Config) with { Log = messages.Add };
            await using VirtualMachine machine = await VirtualMachine.StartAsync(config);
            // Kernel and RAM disk are in the guest now; their copies are most of this process's own memory.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive);
            using MachineHost? host = place is { Folder: { } folder, Lock: { } held } ? new MachineHost(folder, held, console: null, plan.Config.Time) : null;
            host?.Adopt(machine);
            streams = GuestStreams.Connect(machine, plan, terminal, SerialStream(plan, request));
            FollowSize(machine, terminal);
            Task<VirtualMachineExit> end = machine.WaitForExitAsync();
            Task first = await Task.WhenAny(end, streams.Interrupted, signals.Received);
            exit = first == end ? await end : null;
            if (exit is not null) await Task.WhenAny(streams.Drained, streams.Interrupted, signals.Received);
            status = streams.Interrupted.IsCompleted ? await streams.Interrupted : signals.Received.IsCompleted ? await signals.Received : 0;
            statistics = request.Stats || request.Json ? machine.GetStatistics() : null;
            if (exit is not null) host?.Finish(new MachineEnd(0, "its process ended"));
            if (exit is not null && plan.IsCommand && !streams.Control.InitBegan) ShowTail(machine);
        }
        if (status == 0 && exit is not null) status = StatusOf(exit, plan, streams.Control);
        if (statistics is not null) StatisticsReport.Print(statistics, request.Json);
        return status;
    }

    // A command's standard output is the command's alone: the boot then goes to standard error, and only if it was asked for.
    private static StandardStream? SerialStream(MachinePlan plan, RunRequest request)
    {
        if (plan.Config.Serial.Kind != SerialKind.Console) return null;
        if (plan.Mode is RunMode.Plain or RunMode.Shell) return new StandardStream(1);
        return request.Verbose || request.Serial is not null ? new StandardStream(2) : null;
    }

    private static void FollowSize(VirtualMachine machine, TerminalSession? terminal)
    {
        if (terminal is null) return;
        terminal.Resized = size => machine.ResizeConsole(size.Columns, size.Rows);
        terminal.Resized(TerminalSession.Size);
    }

    private static int StatusOf(VirtualMachineExit exit, MachinePlan plan, ControlLine control)
    {
        switch (exit.Reason)
        {
            case VirtualMachineExitReason.Timeout:
                Console.Error.WriteLine($"doppel: stopped: the time given with --timeout is over ({Sizes.Seconds(plan.Config.Timeout!.Value)})");
                return ExitStatus.Timeout;
            case VirtualMachineExitReason.GuestExit:
                return exit.Status & 0xFF;
            case VirtualMachineExitReason.Failure when exit.Error is EngineDifferenceException difference:
                DifferencePage.Write(difference, Console.Error);
                return ExitStatus.Failure;
            case VirtualMachineExitReason.Failure when exit.Error is VirtualMachineException unfit:
                Console.Error.WriteLine($"doppel: the guest could not reboot: {unfit.Message}");
                return ExitStatus.Failure;
            case VirtualMachineExitReason.Failure:
                Console.Error.WriteLine($"doppel: internal error, please report it: {exit.Error}");
                return ExitStatus.Failure;
            case VirtualMachineExitReason.Reboot when control.Status is null:
                Console.Error.WriteLine("doppel: the guest rebooted before its command ended");
                return ExitStatus.Failure;
            default:
                return plan.IsCommand ? CommandStatus(control) : exit.Status & 0xFF;
        }
    }

    // A command that switches the machine off itself has no status to report, and that is no failure.
    private static int CommandStatus(ControlLine control)
    {
        if (control.Status is { } status) return status;
        if (control.InitBegan) return ExitStatus.Success;
        Console.Error.WriteLine("doppel: the guest went off before it ran the command; --verbose shows its whole boot");
        return ExitStatus.Failure;
    }

    private static void ShowTail(VirtualMachine machine)
    {
        string[] lines = machine.Console.Output.Split('\n');
        foreach (string line in lines.TakeLast(TailLines)) Console.Error.WriteLine(line.TrimEnd('\r'));
    }
}
