using System.Threading.Channels;
using Doppel.Boards;
using Doppel.Boot;
using Doppel.Consoles;
using Doppel.Core.Execution;
using Doppel.Core.Time;
using Doppel.Devices.Virtio.Console;
using Doppel.RiscV.Engines;

namespace Doppel;

/// <summary>
/// Takes everything that can happen to a running machine, from inside or outside, one after the other: power requests, failures, pause,
/// the time limit, the end. So a reboot can never meet a pause half-way. Thread contract: public members from any thread.
/// </summary>
internal sealed class MachineSupervisor : IAsyncDisposable
{
    private static readonly TimeSpan s_drainStep = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_drainLimit = TimeSpan.FromSeconds(2);

    private readonly VirtualMachineConfig _config;
    private readonly Func<string, IRiscVEngine> _engines;
    private readonly MachineBackends _backends;
    private readonly MachineCounters _counters;
    private readonly VirtualMachineConsole _console;
    private readonly Channel<Func<VirtualMachineExit?>> _events = Channel.CreateUnbounded<Func<VirtualMachineExit?>>(new() { SingleReader = true });
    private readonly TaskCompletionSource<VirtualMachineExit> _exit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _limit = new();
    private CancellationTokenRegistration _cancelled;
    private RiscVVirtBoard? _board;
    private bool _started;
    private bool _paused;

    public MachineSupervisor(
        VirtualMachineConfig config, Func<string, IRiscVEngine> engines, MachineBackends backends, MachineCounters counters, VirtualMachineConsole console)
    {
        _config = config;
        _engines = engines;
        _backends = backends;
        _counters = counters;
        _console = console;
    }

    /// <summary>Completes when the machine has ended and its output was seen.</summary>
    public Task<VirtualMachineExit> Exit => _exit.Task;

    /// <summary>Name of the engine.</summary>
    public string EngineName { get; private set; } = "";

    /// <summary>Builds the first board and lets it run.</summary>
    public void Start(BootFiles files, CancellationToken cancellationToken)
    {
        SwitchOn(files, isReboot: false);
        _started = true;
        _ = Task.Run(SuperviseAsync, CancellationToken.None);
        _cancelled = cancellationToken.Register(() => Post(static () => new VirtualMachineExit(VirtualMachineExitReason.Cancelled)));
        if (_config.Timeout is not { } timeout) return;
        _limit.Token.Register(() => Post(static () => new VirtualMachineExit(VirtualMachineExitReason.Timeout)));
        _limit.CancelAfter(timeout);
    }

    /// <summary>Host memory that the guest's RAM takes now, in bytes; zero once the machine has ended.</summary>
    public async Task<ulong> MeasureMemoryAsync()
    {
        ulong bytes = 0;
        await CallAsync(() => bytes = _board?.ResidentBytes ?? 0).ConfigureAwait(false);
        return bytes;
    }

    public Task PauseAsync() => CallAsync(() =>
    {
        if (_paused) return;
        _board?.Pause();
        _counters.Watch.Stop();
        _paused = true;
    });

    public Task ResumeAsync() => CallAsync(() =>
    {
        if (!_paused) return;
        _paused = false;
        _counters.Watch.Start();
        _board?.Resume();
    });

    public async Task StopAsync()
    {
        Post(static () => new VirtualMachineExit(VirtualMachineExitReason.Cancelled));
        if (_started) await Exit.ConfigureAwait(false);
    }

    public void ResizeConsole(int columns, int rows) => Post(() =>
    {
        _board?.ResizeConsole(columns, rows);
        return null;
    });

    public async ValueTask DisposeAsync()
    {
        await _cancelled.DisposeAsync().ConfigureAwait(false);
        await StopAsync().ConfigureAwait(false);
        _limit.Dispose();
    }

    private void Post(Func<VirtualMachineExit?> action) => _events.Writer.TryWrite(action);

    private async Task CallAsync(Action action)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(() =>
        {
            action();
            done.SetResult();
            return null;
        });
        // After the end nobody takes events any more, and there is nothing left to do.
        await Task.WhenAny(done.Task, Exit).ConfigureAwait(false);
    }

    private async Task SuperviseAsync()
    {
        VirtualMachineExit? exit = null;
        try
        {
            while (exit is null)
            {
                Func<VirtualMachineExit?> next = await _events.Reader.ReadAsync(CancellationToken.None).ConfigureAwait(false);
                exit = next();
                if (exit is { Reason: VirtualMachineExitReason.Reboot } && _config.RestartOnReboot)
                {
                    exit = null;
                    SwitchOff();
                    // Read again rather than kept: a kernel and a RAM disk are tens of megabytes that nobody needs meanwhile.
                    using BootFiles files = BootFiles.Read(_config);
                    SwitchOn(files, isReboot: true);
                }
            }
        }
        catch (Exception e)
        {
            exit = new VirtualMachineExit(VirtualMachineExitReason.Failure, 1, e);
        }
        await EndAsync(exit).ConfigureAwait(false);
    }

    private async Task EndAsync(VirtualMachineExit exit)
    {
        try
        {
            bool isGuestsWish = exit.Reason is VirtualMachineExitReason.PowerOff or VirtualMachineExitReason.GuestExit;
            if (!isGuestsWish) _backends.HangUp();
            _board?.Halt();
            _counters.Watch.Stop();
            if (isGuestsWish) await DrainAsync().ConfigureAwait(false);
            SwitchOff();
        }
        catch (Exception e)
        {
            exit = new VirtualMachineExit(VirtualMachineExitReason.Failure, 1, e);
        }
        _backends.Dispose();
        await _console.Pump.ConfigureAwait(false);
        _exit.SetResult(exit);
    }

    // Devices may still hold output that the host was too slow to take; it leaves while time runs. Nobody waits for a host that never reads.
    private async Task DrainAsync()
    {
        HostStopwatch waited = new();
        waited.Start();
        while (waited.Elapsed < s_drainLimit && (_backends.Console.PendingOutput > 0 || _board is { HasPendingOutput: true }))
            await Task.Delay(s_drainStep, CancellationToken.None).ConfigureAwait(false);
    }

    private void SwitchOn(BootFiles files, bool isReboot)
    {
        RiscVVirtBoard board = RiscVVirtBoard.Create(_config, files, new BoardConnections
        {
            Engine = _engines(_config.Engine),
            Serial = _backends.Serial,
            Ports = [.. _backends.ConsolePorts.Select(static p => new ConsolePort(p.Name, p.Config.IsConsole, p.Channel))],
            Disks = _backends.Disks,
            Networks = _backends.Networks,
            Shares = _backends.Shares,
            Vsock = _backends.Vsock,
            Balloon = _backends.Balloon,
            Log = _config.Log,
            Power = request => Post(() => ExitOf(request)),
            Failed = error => Post(() => new VirtualMachineExit(VirtualMachineExitReason.Failure, 1, error)),
        });
        EngineName = board.EngineName;
        _board = board;
        _counters.Begin(() => board.Statistics, () => board.ResidentBytes, isReboot);
        if (_paused) return;
        _counters.Watch.Start();
        board.Resume();
    }

    private void SwitchOff()
    {
        if (_board is not { } board) return;
        board.Halt();
        _counters.Finish();
        _board = null;
        board.Dispose();
    }

    private static VirtualMachineExit ExitOf(PowerRequest request) => request switch
    {
        { Action: PowerAction.Reboot } => new VirtualMachineExit(VirtualMachineExitReason.Reboot),
        { Status: 0 } => new VirtualMachineExit(VirtualMachineExitReason.PowerOff),
        _ => new VirtualMachineExit(VirtualMachineExitReason.GuestExit, request.Status),
    };
}
