using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Doppel.Agent;
using Doppel.Cli.Output;
using Doppel.Host;

namespace Doppel.Cli.Machines;

/// <summary>
/// The side of a named machine that others see: its lock, its state on disk, and the socket on which other processes speak to it. A client sends
/// one line, the verb and its words; the answer is <c>ok</c> or <c>error TEXT</c>, and what follows depends on the verb.
/// Thread contract: one owner; clients are served on threads of the pool.
/// </summary>
internal sealed class MachineHost : IDisposable
{
    private const int LongestLine = 256;
    private static readonly TimeSpan s_farewell = TimeSpan.FromSeconds(2), s_bootPatience = TimeSpan.FromSeconds(60);

    private readonly MachineFolder _folder;
    private readonly ConsoleHub? _console;
    private readonly FileStream _lock;
    private readonly bool _followsClock;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _wished = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private readonly List<Task> _clients = [];
    private MachineState _state = new() { Status = MachineStatus.Starting, Process = ProcessIdentity.Current };
    private volatile VirtualMachine? _machine;

    /// <summary>Creates the side of a machine that does not run yet.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="held">Its lock, given up on dispose.</param>
    /// <param name="console">Its console, or null if that belongs to this process's own terminal.</param>
    /// <param name="time">How the machine's time runs: the guest's clock is set when it goes on after a pause, if that is the host's.</param>
    internal MachineHost(MachineFolder folder, FileStream held, ConsoleHub? console, TimePolicy time)
    {
        _folder = folder;
        _lock = held;
        _console = console;
        _followsClock = time == TimePolicy.RealTime;
    }

    /// <summary>Why somebody has asked for the end, so that it is no surprise; null if nobody has.</summary>
    internal string? StopReason { get; private set; }

    /// <summary>How often the machine has started again after an end.</summary>
    internal int Restarts => _state.Restarts;

    private VirtualMachine Machine => _machine!;

    private bool IsBetweenLives => _state.Status == MachineStatus.Restarting;

    /// <summary>Makes a running machine reachable: the first one, or the one that has started after the former has ended.</summary>
    internal void Adopt(VirtualMachine machine)
    {
        bool isFirst = _machine is null;
        _machine = machine;
        if (isFirst)
        {
            File.Delete(_folder.ControlPath);
            _listener.Bind(new UnixDomainSocketEndPoint(_folder.ControlPath));
            _listener.Listen();
        }
        Save(new MachineState
        {
            Status = MachineStatus.Running,
            Process = ProcessIdentity.Current,
            Started = DateTimeOffset.UtcNow,
            Ports = [.. machine.PublishedPorts.Select(MachinePort.Of)],
            Restarts = Restarts,
        });
        if (isFirst) _ = Task.Run(AcceptAsync);
    }

    /// <summary>The machine has ended, and is to start again after a pause; that is counted.</summary>
    /// <returns>False if somebody wished meanwhile that it does not.</returns>
    internal async Task<bool> StandByAsync(MachineEnd end, TimeSpan pause, Task signal)
    {
        TrySave(Ended(end) with { Status = MachineStatus.Restarting });
        await Task.WhenAny(Task.Delay(pause), _wished.Task, signal);
        if (_wished.Task.IsCompleted || signal.IsCompleted) return false;
        // Others learn of it when the machine runs, or could not be started.
        lock (_gate) _state = _state with { Restarts = Restarts + 1 };
        return true;
    }

    /// <summary>Writes how the machine has ended for good. Clients who wait for that are answered.</summary>
    internal void Finish(MachineEnd end)
    {
        TrySave(Ended(end));
        _ended.TrySetResult();
        Task[] clients;
        lock (_gate) clients = [.. _clients];
        Task.WaitAll(clients, s_farewell);
    }

    public void Dispose()
    {
        _listener.Dispose();
        File.Delete(_folder.ControlPath);
        _lock.Dispose();
    }

    private MachineState Ended(MachineEnd end) =>
        _state with { Status = MachineStatus.Exited, Finished = DateTimeOffset.UtcNow, ExitCode = end.Status, Reason = end.Reason };

    private void Wish(string reason)
    {
        StopReason = reason;
        _wished.TrySetResult();
    }

    private void Save(MachineState state)
    {
        lock (_gate)
        {
            _state = state;
            _folder.WriteState(state);
        }
    }

    // What is not written is not seen by others; that the disk is full is no reason to lose the machine.
    private void TrySave(MachineState state)
    {
        try
        {
            Save(state);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"doppel: the state of {_folder.Name} cannot be written: {e.Message}");
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptAsync();
                Task served = Task.Run(() => ServeAsync(client));
                lock (_gate)
                {
                    _clients.RemoveAll(static t => t.IsCompleted);
                    _clients.Add(served);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The machine has ended.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using NetworkStream stream = new(client, ownsSocket: true);
        try
        {
            string[] words = (await ReadLineAsync(stream)).Split(' ');
            await ServeAsync(stream, words[0], words[1..]);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // The client has gone.
        }
        catch (Exception e) when (e is GuestAgentException or VirtualMachineException or OperationCanceledException or CliException)
        {
            await AnswerAsync(stream, $"error {e.Message.ReplaceLineEndings(" ")}").ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Task ServeAsync(NetworkStream stream, string verb, string[] words) => verb switch
    {
        not ("stop" or "kill" or "off" or "wait" or "rename") when IsBetweenLives => AnswerAsync(stream, "error the machine has ended, and starts again in a moment"),
        "agent" => ServeAgentAsync(stream),
        "attach" => ServeAttachAsync(stream),
        "pause" => PauseAsync(stream, pause: true),
        "resume" => PauseAsync(stream, pause: false),
        "stop" => StopAsync(stream, words),
        "kill" => KillAsync(stream),
        "wait" => WaitAsync(stream),
        "balloon" => BalloonAsync(stream, words),
        "publish" => PublishAsync(stream, words),
        "unpublish" => UnpublishAsync(stream, words),
        "rename" when words.Length == 1 => RenameAsync(stream, words[0]),
        "off" => PowerOffAsync(stream),
        "usage" => UsageAsync(stream),
        _ => AnswerAsync(stream, $"error this Doppel does not know {verb}"),
    };

    private async Task ServeAgentAsync(NetworkStream stream)
    {
        if (_state.Status == MachineStatus.Paused)
        {
            await AnswerAsync(stream, "error the machine is paused");
            return;
        }
        if (!await IsAgentReadyAsync())
        {
            string time = s_bootPatience.TotalSeconds.ToString(CultureInfo.InvariantCulture);
            await AnswerAsync(stream, $"error the guest's agent has not answered for {time} seconds: the guest has not booted, or carries no agent");
            return;
        }
        await AnswerAsync(stream, "ok");
        await Machine.Agent.RelayAsync(stream);
    }

    private async Task<bool> IsAgentReadyAsync()
    {
        using CancellationTokenSource patience = new(s_bootPatience);
        try
        {
            await Machine.Agent.WaitUntilReadyAsync(patience.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    // To the client: what the guest prints, as it is. From the client: frames of a kind, a length and bytes: 'd' keys, 'w' the size of the window.
    private async Task ServeAttachAsync(NetworkStream stream)
    {
        if (_console is null)
        {
            await AnswerAsync(stream, "error the machine runs in the foreground: its console is the terminal it was started from");
            return;
        }
        await AnswerAsync(stream, "ok");
        System.Threading.Channels.Channel<byte[]> watcher = _console.Watch();
        Task keys = Task.Run(() => ReadKeysAsync(stream, watcher));
        await foreach (byte[] piece in watcher.Reader.ReadAllAsync()) await stream.WriteAsync(piece);
        stream.Socket.Shutdown(SocketShutdown.Both);
        await keys;
    }

    private async Task ReadKeysAsync(NetworkStream stream, System.Threading.Channels.Channel<byte[]> watcher)
    {
        byte[] head = new byte[3], body = new byte[ushort.MaxValue];
        try
        {
            while (true)
            {
                await stream.ReadExactlyAsync(head);
                Memory<byte> bytes = body.AsMemory(0, head[1] | (head[2] << 8));
                await stream.ReadExactlyAsync(bytes);
                if (head[0] == 'w' && bytes.Length == 4) Machine.ResizeConsole(BitConverter.ToUInt16(bytes.Span), BitConverter.ToUInt16(bytes.Span[2..]));
                else if (head[0] == 'd' && _console!.Input is { } input) await input(bytes);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // Detached, or the machine has ended.
        }
        _console!.Forget(watcher);
        watcher.Writer.TryComplete();
    }

    private async Task PauseAsync(NetworkStream stream, bool pause)
    {
        MachineStatus wanted = pause ? MachineStatus.Paused : MachineStatus.Running;
        if (_state.Status == wanted)
        {
            await AnswerAsync(stream, pause ? "error the machine is paused already" : "error the machine is not paused");
            return;
        }
        await (pause ? Machine.PauseAsync() : Machine.ResumeAsync());
        if (!pause) await SetClockAsync();
        Note(wanted);
        await AnswerAsync(stream, "ok");
    }

    // A guest that is asked for something must run.
    private async Task ResumeAsync()
    {
        await Machine.ResumeAsync();
        if (_state.Status == MachineStatus.Paused) Note(MachineStatus.Running);
    }

    private void Note(MachineStatus status)
    {
        lock (_gate)
        {
            if (!_state.IsOver) TrySave(_state with { Status = status });
        }
    }

    // The guest's time of day has stood still. A guest that has no agent, or does not answer soon, keeps its own.
    private async Task SetClockAsync()
    {
        if (!_followsClock || !Machine.Agent.IsReady) return;
        using CancellationTokenSource patience = new(s_farewell);
        try
        {
            await Machine.Agent.SetTimeAsync((DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks * 100, patience.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or GuestAgentException)
        {
            // It goes on with the time it has.
        }
    }

    // Asks the guest to switch off, and pulls the plug when the time is over.
    private async Task StopAsync(NetworkStream stream, string[] words)
    {
        double seconds = words.Length == 1 && double.TryParse(words[0], CultureInfo.InvariantCulture, out double given) ? Math.Clamp(given, 0, 86_400) : 10;
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(seconds));
        Wish("stopped");
        try
        {
            if (!IsBetweenLives) await AskToSwitchOffAsync(patience.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or GuestAgentException)
        {
            Wish($"switched off: it did not stop by itself in {seconds.ToString(CultureInfo.InvariantCulture)} seconds");
            await Machine.StopAsync();
        }
        await _ended.Task;
        await AnswerAsync(stream, "ok");
    }

    private async Task AskToSwitchOffAsync(CancellationToken cancellation)
    {
        VirtualMachine machine = Machine;
        await ResumeAsync();
        await machine.Agent.PowerAsync(GuestPower.PowerOff, cancellation);
        await machine.WaitForExitAsync(cancellation);
    }

    // The power button: the guest is asked, and nobody waits.
    private async Task PowerOffAsync(NetworkStream stream)
    {
        bool mustBeAsked = !IsBetweenLives;
        if (mustBeAsked)
        {
            await ResumeAsync();
            if (!await IsAgentReadyAsync()) throw new GuestAgentException("its guest has not booted, or carries no agent that could be asked");
        }
        Wish("asked to switch off");
        if (mustBeAsked) await Machine.Agent.PowerAsync(GuestPower.PowerOff);
        await AnswerAsync(stream, "ok");
    }

    private Task RenameAsync(NetworkStream stream, string name)
    {
        lock (_gate)
        {
            if (_state.IsOver) throw new CliException("the machine has ended meanwhile");
            if (!MachineRegistry.IsName(name)) throw new CliException($"{name} is no name for a machine");
            _folder.Rename(name);
        }
        return AnswerAsync(stream, "ok");
    }

    private async Task UsageAsync(NetworkStream stream) =>
        await AnswerAsync(stream, "ok " + MachineUsage.Describe(Machine.GetStatistics(), Machine.Memory.TotalBytes, await Machine.Memory.MeasureHostBytesAsync()));

    private async Task KillAsync(NetworkStream stream)
    {
        Wish("killed");
        if (!IsBetweenLives) await Machine.StopAsync();
        await _ended.Task;
        await AnswerAsync(stream, "ok");
    }

    private async Task BalloonAsync(NetworkStream stream, string[] words)
    {
        VirtualMachineMemory memory = Machine.Memory;
        if (words is ["max"]) memory.TargetBytes = memory.TotalBytes;
        else if (words is [string text] && ulong.TryParse(text, CultureInfo.InvariantCulture, out ulong bytes)) memory.TargetBytes = bytes;
        await AnswerAsync(stream, "ok " + await MemoryReport.MakeAsync(memory));
    }

    private async Task PublishAsync(NetworkStream stream, string[] words)
    {
        MachinePort port = MachinePort.Of(Machine.Publish(string.Join(' ', words)));
        SavePorts();
        await AnswerAsync(stream, $"ok {port.Guest} -> {port.Host}");
    }

    private async Task UnpublishAsync(NetworkStream stream, string[] words)
    {
        string wanted = string.Join(' ', words);
        VirtualMachinePublishedPort? port = Machine.PublishedPorts.FirstOrDefault(p => MachinePort.Of(p).IsMeantBy(wanted));
        if (port is null || !Machine.Unpublish(port)) throw new VirtualMachineException($"port {wanted} of the host does not lead to the machine");
        SavePorts();
        await AnswerAsync(stream, "ok");
    }

    private void SavePorts()
    {
        lock (_gate)
        {
            if (!_state.IsOver) TrySave(_state with { Ports = [.. Machine.PublishedPorts.Select(MachinePort.Of)] });
        }
    }

    private async Task WaitAsync(NetworkStream stream)
    {
        await _ended.Task;
        await AnswerAsync(stream, string.Create(CultureInfo.InvariantCulture, $"ok {_state.ExitCode}"));
    }

    private static async Task<string> ReadLineAsync(NetworkStream stream)
    {
        byte[] line = new byte[LongestLine];
        for (int length = 0; length < line.Length; length++)
        {
            if (await stream.ReadAsync(line.AsMemory(length, 1)) == 0) throw new IOException("the client hung up");
            if (line[length] == '\n') return Encoding.UTF8.GetString(line, 0, length);
        }
        throw new IOException("the client sent a line that is too long");
    }

    private static Task AnswerAsync(NetworkStream stream, string line) => stream.WriteAsync(Encoding.UTF8.GetBytes(line + "\n")).AsTask();
}
