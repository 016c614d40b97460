using System.Buffers.Binary;

namespace Doppel.Agent;

/// <summary>What a guest can be asked to do with itself.</summary>
public enum GuestPower
{
    /// <summary>Switch off in order.</summary>
    PowerOff,

    /// <summary>Start again in order.</summary>
    Reboot,

    /// <summary>Stop in order, and stay on.</summary>
    Halt,
}

/// <summary>A guest's clocks.</summary>
/// <param name="Wall">Time of day, as nanoseconds since 1970 UTC.</param>
/// <param name="SinceBootNs">Nanoseconds since its kernel has started.</param>
public readonly record struct GuestClock(long Wall, long SinceBootNs);

/// <summary>
/// The agent inside of a guest: runs programs, moves files, lists processes. The images of Doppel carry it; it calls the host over vsock when the
/// guest has booted, and requests wait until then. Thread contract: all members from any thread, any number of requests at once.
/// </summary>
public sealed class GuestAgent
{
    private readonly Func<CancellationToken, Task<AgentConnection>> _connect;
    private readonly Func<bool> _isReady;

    internal GuestAgent(Func<CancellationToken, Task<AgentConnection>> connect, Func<bool> isReady)
    {
        _connect = connect;
        _isReady = isReady;
        Files = new GuestFileSystem(connect);
        Processes = new GuestProcessList(connect);
    }

    /// <summary>True if the agent is there, so that requests need not wait for it.</summary>
    public bool IsReady => _isReady();

    /// <summary>The guest's files.</summary>
    public GuestFileSystem Files { get; }

    /// <summary>The guest's processes.</summary>
    public GuestProcessList Processes { get; }

    /// <summary>Talks to an agent over a stream of your own, for instance one that another process gave you with <see cref="RelayAsync"/>.</summary>
    /// <param name="stream">The stream; the agent owns it from now on.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="GuestAgentException">What is there is no agent, or one of another version.</exception>
    public static async Task<GuestAgent> ConnectAsync(Stream stream, CancellationToken cancellationToken = default)
    {
        AgentConnection connection = await AgentConnection.OpenAsync(stream, cancellationToken).ConfigureAwait(false);
        return new GuestAgent(_ => Task.FromResult(connection), () => !connection.Lost.IsCompleted);
    }

    /// <summary>Waits until the guest has booted so far that its agent answers.</summary>
    /// <exception cref="GuestAgentException">The machine has ended, or can have no agent.</exception>
    public Task WaitUntilReadyAsync(CancellationToken cancellationToken = default) => _connect(cancellationToken);

    /// <summary>Starts a program and gives its streams.</summary>
    /// <param name="exec">The program.</param>
    /// <param name="cancellationToken">Ends the wait for the agent.</param>
    /// <exception cref="GuestAgentException">The machine has ended. That a program cannot be started, <see cref="GuestProcess.WaitAsync"/> tells.</exception>
    /// <exception cref="ArgumentException">The program's arguments are not valid.</exception>
    public async Task<GuestProcess> StartAsync(GuestExec exec, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(exec);
        byte[] payload = exec.ToPayload();
        AgentConnection connection = await _connect(cancellationToken).ConfigureAwait(false);
        AgentRequest request = await AgentRequest.SendAsync(connection, AgentFrameType.Exec, payload, cancellationToken).ConfigureAwait(false);
        return new GuestProcess(request, $"The guest cannot run {exec.Arguments[0]}");
    }

    /// <summary>Runs a program to its end.</summary>
    /// <param name="exec">The program.</param>
    /// <param name="cancellationToken">Kills it.</param>
    /// <exception cref="GuestAgentException">It could not be started, it printed more than is kept, or the guest is gone.</exception>
    /// <exception cref="ArgumentException">The program's arguments are not valid.</exception>
    public async Task<GuestExecResult> ExecAsync(GuestExec exec, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(exec);
        bool hasInput = exec.HasInput || !exec.Input.IsEmpty;
        await using GuestProcess process = await StartAsync(exec with { HasInput = hasInput }, cancellationToken).ConfigureAwait(false);
        Task<byte[]> output = CollectAsync(process, process.StandardOutput, exec.MaxOutputBytes);
        Task<byte[]> error = CollectAsync(process, process.StandardError, exec.MaxOutputBytes);
        Task input = hasInput ? FeedAsync(process.StandardInput, exec.Input, cancellationToken) : Task.CompletedTask;
        GuestExit exit;
        try
        {
            exit = await process.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            // They end with the request, each with an exception that says no more than this one.
            await Task.WhenAll(output, error, input).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
        await input.ConfigureAwait(false);
        return new GuestExecResult(exit.ExitCode, exit.Signal, await output.ConfigureAwait(false), await error.ConfigureAwait(false));
    }

    /// <summary>Asks the guest to switch off or to start again; it does so in its own time.</summary>
    public Task PowerAsync(GuestPower what, CancellationToken cancellationToken = default) =>
        AskAsync(AgentFrameType.Power, Number((uint)what), "The guest's first process does not listen", cancellationToken);

    /// <summary>Writes to disk what the guest holds in memory of its file systems.</summary>
    public Task SyncAsync(CancellationToken cancellationToken = default) => AskAsync(AgentFrameType.Sync, [], "sync", cancellationToken);

    /// <summary>Asks the agent for the guest's clocks.</summary>
    public async Task<GuestClock> PingAsync(CancellationToken cancellationToken = default)
    {
        byte[] times = await AskAsync(AgentFrameType.Ping, [], "ping", cancellationToken).ConfigureAwait(false);
        return times.Length == 16 ? new GuestClock(BinaryPrimitives.ReadInt64LittleEndian(times), BinaryPrimitives.ReadInt64LittleEndian(times.AsSpan(8)))
            : throw new GuestAgentException("The guest's agent sent a result that is not valid.");
    }

    /// <summary>Sets the guest's time of day, which stands still while the machine is paused.</summary>
    /// <param name="wallNs">Nanoseconds since 1970 UTC.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task SetTimeAsync(long wallNs, CancellationToken cancellationToken = default)
    {
        byte[] payload = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(payload, wallNs);
        return AskAsync(AgentFrameType.SetTime, payload, "The guest's clock cannot be set", cancellationToken);
    }

    /// <summary>Lets another process use this agent: speaks its protocol on a stream until that ends.</summary>
    /// <param name="client">The stream.</param>
    /// <param name="cancellationToken">Ends the wait for the agent, and the service.</param>
    public async Task RelayAsync(Stream client, CancellationToken cancellationToken = default)
    {
        AgentConnection connection = await _connect(cancellationToken).ConfigureAwait(false);
        await new AgentRelay(connection, client).RunAsync(cancellationToken).ConfigureAwait(false);
    }

    private static byte[] Number(uint value)
    {
        byte[] payload = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(payload, value);
        return payload;
    }

    private static async Task<byte[]> CollectAsync(GuestProcess process, Stream stream, int most)
    {
        MemoryStream all = new();
        byte[] buffer = new byte[16 << 10];
        for (int count; (count = await stream.ReadAsync(buffer).ConfigureAwait(false)) > 0;)
        {
            all.Write(buffer, 0, count);
            if (all.Length <= most) continue;
            GuestAgentException reason = new($"The program in the guest printed more than {most} bytes.");
            process.Fail(reason);
            throw reason;
        }
        return all.ToArray();
    }

    // A program need not read all that it is given.
    private static async Task FeedAsync(Stream stream, ReadOnlyMemory<byte> input, CancellationToken cancellationToken)
    {
        try
        {
            await stream.WriteAsync(input, cancellationToken).ConfigureAwait(false);
            await stream.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or GuestAgentException)
        {
            // It has ended; how, its status tells.
        }
    }

    private async Task<byte[]> AskAsync(AgentFrameType type, byte[] payload, string what, CancellationToken cancellationToken)
    {
        AgentConnection connection = await _connect(cancellationToken).ConfigureAwait(false);
        AgentRequest request = await AgentRequest.SendAsync(connection, type, payload, cancellationToken).ConfigureAwait(false);
        return (await request.FinishAsync(what, cancellationToken).ConfigureAwait(false)).Data;
    }
}
