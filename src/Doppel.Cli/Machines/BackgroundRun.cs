using Doppel.Agent;
using Doppel.Cli.Output;
using Doppel.Cli.Running;
using Doppel.Host;

namespace Doppel.Cli.Machines;

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
        using ConsoleHub console = new(new BoundedLog(folder.ConsoleLog));
        using BoundedLog boot = new(folder.BootLog);
        await using VirtualMachine machine = await VirtualMachine.StartAsync(plan.Config with { Log = Console.Error.WriteLine });
        BackgroundStreams streams = BackgroundStreams.Connect(machine, plan, request, (console, boot));
        using MachineHost host = MachineHost.Start(folder, held, machine, console);
        Console.Out.WriteLine(BackgroundLaunch.ReadyLine);
        await Console.Out.FlushAsync();
        BackgroundProcess.RedirectStreams(folder.ProcessLog);
        VirtualMachineExit exit = await EndOfAsync(machine, signals.Received);
        await streams.Drained;
        (int status, string reason) = Judge(exit, plan, streams.Control.Status, signals.Received.IsCompleted ? "its process was asked to end" : host.StopReason);
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

/// <summary>Connects the streams of a machine in the background with its console and its logs. Thread contract: one owner.</summary>
internal sealed class BackgroundStreams
{
    private readonly VirtualMachine _machine;
    private readonly ConsoleHub _console;
    private readonly SemaphoreSlim _typing = new(1);
    private readonly List<Task> _outputs = [];

    private BackgroundStreams(VirtualMachine machine, ConsoleHub console)
    {
        _machine = machine;
        _console = console;
    }

    /// <summary>What the guest's init reported.</summary>
    internal ControlLine Control { get; } = new();

    /// <summary>Ends when all output of an ended machine has been written.</summary>
    internal Task Drained => Task.WhenAll(_outputs);

    internal static BackgroundStreams Connect(VirtualMachine machine, MachinePlan plan, RunRequest request, (ConsoleHub Console, BoundedLog Boot) logs)
    {
        BackgroundStreams streams = new(machine, logs.Console);
        bool serialIsConsole = plan.Mode == RunMode.Plain;
        machine.Console.OutputReceived += serialIsConsole ? bytes => logs.Console.Write(bytes.Span) : bytes => logs.Boot.Write(bytes.Span);
        if (serialIsConsole) logs.Console.Input = streams.OneByOne(keys => machine.Console.WriteAsync(keys));
        else streams.ConnectPorts(plan.Mode == RunMode.PipedCommand, request.Interactive);
        return streams;
    }

    private void ConnectPorts(bool piped, bool interactive)
    {
        _outputs.Add(Task.Run(() => Control.ReadAsync(_machine.Ports[MachinePlan.ControlPort].Stream)));
        Copy(MachinePlan.ConsolePort);
        if (piped)
        {
            Copy(MachinePlan.OutputPort);
            Copy(MachinePlan.ErrorPort);
            if (!interactive) _machine.Ports[MachinePlan.InputPort].CompleteInput();
            if (!interactive) return;
        }
        Stream input = _machine.Ports[piped ? MachinePlan.InputPort : MachinePlan.ConsolePort].Stream;
        _console.Input = OneByOne(async keys =>
        {
            // What is typed before the guest has found its terminal is lost there.
            await Control.Begun;
            await input.WriteAsync(keys);
        });
    }

    private Func<ReadOnlyMemory<byte>, ValueTask> OneByOne(Func<ReadOnlyMemory<byte>, ValueTask> write) => async keys =>
    {
        await _typing.WaitAsync();
        try
        {
            await write(keys);
        }
        finally
        {
            _typing.Release();
        }
    };

    private void Copy(string port)
    {
        Stream from = _machine.Ports[port].Stream;
        _outputs.Add(Task.Run(async () =>
        {
            byte[] buffer = new byte[64 << 10];
            for (int count; (count = await from.ReadAsync(buffer)) > 0;) _console.Write(buffer.AsSpan(0, count));
        }));
    }
}
