using Doppel.Agent;
using Doppel.Boards;
using Doppel.Boot;
using Doppel.Consoles;
using Doppel.Core.Time;
using Doppel.Networks;
using Doppel.RiscV.Engines;

namespace Doppel;

/// <summary>
/// A virtual machine that runs in this process. Thread contract: all members from any thread; several machines do not know each other.
/// </summary>
public sealed class VirtualMachine : IAsyncDisposable
{
    private readonly HostStopwatch _watch = new();
    private readonly MachineCounters _counters;
    private readonly MachineSupervisor _supervisor;
    private readonly BootMilestones _milestones;
    private readonly MachineBackends _backends;
    private readonly AgentDoor _door;

    private VirtualMachine(VirtualMachineConfig config, Func<string, IRiscVEngine> engines)
    {
        _milestones = new BootMilestones(_watch);
        _backends = new MachineBackends(config);
        Console = new VirtualMachineConsole(_backends.Console, _milestones);
        Ports = _backends.Ports;
        _door = new AgentDoor(_backends.Vsock?.Host, Ports.GetValueOrDefault(AgentDoor.ConsolePort)?.Stream);
        Agent = new GuestAgent(_door.ConnectAsync, () => _door.IsReady);
        _counters = new MachineCounters(_watch);
        _supervisor = new MachineSupervisor(config, engines, _backends, _counters, Console);
        Memory = new VirtualMachineMemory(config.MemoryBytes, _backends.Balloon, _supervisor.MeasureMemoryAsync);
        _supervisor.Exit.ContinueWith(_ => _door.Dispose(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>The serial port.</summary>
    public VirtualMachineConsole Console { get; }

    /// <summary>Ports of the virtio console device by name.</summary>
    public IReadOnlyDictionary<string, VirtualMachinePort> Ports { get; }

    /// <summary>
    /// The agent inside of the guest, which the images of Doppel carry. It needs <see cref="VirtualMachineConfig.Vsock"/>, or, for a kernel without
    /// vsock, a console port of the name <c>doppel.agent</c>.
    /// </summary>
    public GuestAgent Agent { get; }

    /// <summary>RAM: what the guest keeps of it, and what the host gives for it.</summary>
    public VirtualMachineMemory Memory { get; }

    /// <summary>The guest's files, by way of its agent.</summary>
    public GuestFileSystem Files => Agent.Files;

    /// <summary>The guest's processes, by way of its agent.</summary>
    public GuestProcessList Processes => Agent.Processes;

    /// <summary>Ports of the host that lead to the guest, by its user networks.</summary>
    public IReadOnlyList<VirtualMachinePublishedPort> PublishedPorts => new RunningPorts(_backends.Networks).All;

    /// <summary>Sockets between host and guest.</summary>
    /// <exception cref="VirtualMachineException">The machine has none: <see cref="VirtualMachineConfig.Vsock"/> is null.</exception>
    public VirtualMachineVsock Vsock => _backends.Vsock is { } port ? new VirtualMachineVsock(port.Host)
        : throw new VirtualMachineException("The machine has no sockets; give it some with VirtualMachineConfig.Vsock.");

    /// <summary>Checks a configuration, reads its files, builds the machine and lets it run.</summary>
    /// <param name="config">What to build.</param>
    /// <param name="cancellationToken">Ends the start, and later the machine: its exit is then <see cref="VirtualMachineExitReason.Cancelled"/>.</param>
    /// <exception cref="VirtualMachineException">The machine cannot be built as asked; the message says why and what to do.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before the machine ran.</exception>
    public static Task<VirtualMachine> StartAsync(VirtualMachineConfig config, CancellationToken cancellationToken = default) =>
        StartAsync(config, name => EngineCatalog.Create(name, config.Translator), cancellationToken);

    /// <summary>As the public method, with the engines to choose from.</summary>
    internal static async Task<VirtualMachine> StartAsync(
        VirtualMachineConfig config, Func<string, IRiscVEngine> engines, CancellationToken cancellationToken)
    {
        VirtualMachineConfigValidator.ThrowIfInvalid(config);
        using BootFiles files = await Task.Run(() => BootFiles.Read(config), cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        VirtualMachine machine = new(config, engines);
        try
        {
            await Task.Run(() => machine._supervisor.Start(files, cancellationToken), cancellationToken).ConfigureAwait(false);
            return machine;
        }
        catch (Exception e)
        {
            await machine.DisposeAsync().ConfigureAwait(false);
            if (e is Host.HostException) throw new VirtualMachineException($"The host cannot provide what the machine needs: {e.Message}", e);
            throw;
        }
    }

    /// <summary>Waits until the machine has ended and all its output was seen.</summary>
    /// <param name="cancellationToken">Ends the wait, not the machine.</param>
    public Task<VirtualMachineExit> WaitForExitAsync(CancellationToken cancellationToken = default) => _supervisor.Exit.WaitAsync(cancellationToken);

    /// <summary>Runs a program in the guest to its end, by way of its agent; waits until the guest has booted.</summary>
    /// <param name="exec">The program.</param>
    /// <param name="cancellationToken">Kills it.</param>
    /// <exception cref="GuestAgentException">It could not be started, or the machine has ended.</exception>
    public Task<GuestExecResult> ExecAsync(GuestExec exec, CancellationToken cancellationToken = default) => Agent.ExecAsync(exec, cancellationToken);

    /// <summary>As the other overload, for a program that needs no more than arguments.</summary>
    public Task<GuestExecResult> ExecAsync(params IReadOnlyList<string> arguments) => Agent.ExecAsync(new GuestExec(arguments));

    /// <summary>Opens one more port of the host that leads to the guest, by its user network.</summary>
    /// <param name="port"><c>[IP:]HOST:GUEST[/udp]</c>; 0 lets the host choose its port.</param>
    /// <returns>The port, with the number that the host chose.</returns>
    /// <exception cref="VirtualMachineException">The host refuses, or the machine has no user network; the message says why and what to do.</exception>
    public VirtualMachinePublishedPort Publish(string port) => new RunningPorts(_backends.Networks).Publish(port);

    /// <summary>Closes a published port to new clients; TCP connections that are open stay so.</summary>
    /// <param name="port">One of <see cref="PublishedPorts"/>.</param>
    /// <returns>False if it is not published.</returns>
    public bool Unpublish(VirtualMachinePublishedPort port) => new RunningPorts(_backends.Networks).Unpublish(port);

    /// <summary>Stops the guest between two instructions, and its time. Does nothing after the end.</summary>
    public Task PauseAsync() => _supervisor.PauseAsync();

    /// <summary>Lets a paused guest go on.</summary>
    public Task ResumeAsync() => _supervisor.ResumeAsync();

    /// <summary>Ends the machine at once, as if its plug were pulled. Its exit is <see cref="VirtualMachineExitReason.Cancelled"/>.</summary>
    public Task StopAsync() => _supervisor.StopAsync();

    /// <summary>Tells the guest the size of the terminal behind <c>hvc0</c>.</summary>
    /// <param name="columns">Width in characters.</param>
    /// <param name="rows">Height in lines.</param>
    public void ResizeConsole(int columns, int rows) => _supervisor.ResizeConsole(columns, rows);

    /// <summary>Counters so far.</summary>
    public VirtualMachineStatistics GetStatistics() => _counters.Read(_supervisor.EngineName) with
    {
        TimeToKernel = _milestones.Kernel,
        TimeToInit = _milestones.Init,
        Disks = [.. _backends.Disks.Select(static d => d.Statistics)],
    };

    /// <summary>Ends the machine and gives back everything it had: threads, memory, files.</summary>
    public async ValueTask DisposeAsync()
    {
        await _supervisor.DisposeAsync().ConfigureAwait(false);
        _door.Dispose();
        _backends.Dispose();
        await Console.Pump.ConfigureAwait(false);
    }
}
