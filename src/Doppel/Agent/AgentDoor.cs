using Doppel.Devices.Virtio.Vsock;

namespace Doppel.Agent;

/// <summary>
/// Where a guest's agent comes in: it calls the host on vsock port 1, or greets on the console port <c>doppel.agent</c>. When it calls again, after
/// a reboot for instance, the new connection takes over. Thread contract: all members from any thread.
/// </summary>
internal sealed class AgentDoor : IDisposable
{
    /// <summary>Port of the host that agents call.</summary>
    internal const uint Port = 1;

    /// <summary>Name of the console port that an agent uses where the guest's kernel has no vsock.</summary>
    internal const string ConsolePort = "doppel.agent";

    // Ports below are root's in the guest.
    private const uint FirstUserPort = 1024;

    private readonly Lock _gate = new();
    private readonly VsockListener? _listener;
    private readonly string? _whyNever;
    private TaskCompletionSource<AgentConnection> _current = NewSource();
    private bool _disposed;

    internal AgentDoor(VsockHost? sockets, Stream? consolePort)
    {
        if (sockets is null && consolePort is null)
            _whyNever = "The machine has no way to its guest's agent; give it sockets with VirtualMachineConfig.Vsock.";
        _listener = sockets?.Listen(Port);
        if (_listener is not null) _ = Task.Run(AcceptAsync);
        if (consolePort is not null) _ = Task.Run(() => GreetAsync(consolePort));
    }

    /// <summary>The connection, once there is one.</summary>
    /// <exception cref="GuestAgentException">There will be none any more.</exception>
    internal async Task<AgentConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        if (_whyNever is not null) throw new GuestAgentException(_whyNever);
        while (true)
        {
            Task<AgentConnection> current;
            lock (_gate) current = _current.Task;
            AgentConnection connection = await current.WaitAsync(cancellationToken).ConfigureAwait(false);
            if (!connection.Lost.IsCompleted) return connection;
            lock (_gate)
            {
                if (_current.Task == current && !_disposed) _current = NewSource();
            }
        }
    }

    /// <summary>True if an agent is connected.</summary>
    internal bool IsReady
    {
        get
        {
            lock (_gate) return _current.Task is { IsCompletedSuccessfully: true, Result.Lost.IsCompleted: false };
        }
    }

    /// <summary>The machine has ended: who waits for an agent waits no more.</summary>
    public void Dispose()
    {
        Task<AgentConnection> current;
        lock (_gate)
        {
            if (_disposed) return;
            _disposed = true;
            if (_current.Task is { IsCompletedSuccessfully: true, Result.Lost.IsCompleted: true }) _current = NewSource();
            _current.TrySetException(new GuestAgentException("The machine has ended."));
            _ = _current.Task.Exception;
            current = _current.Task;
        }
        _listener?.Dispose();
        if (current.IsCompletedSuccessfully) _ = current.Result.DisposeAsync().AsTask();
    }

    private static TaskCompletionSource<AgentConnection> NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task AcceptAsync()
    {
        while (await _listener!.AcceptAsync().ConfigureAwait(false) is { } stream)
        {
            if (stream.GuestPort < FirstUserPort) _ = Task.Run(() => GreetAsync(stream));
            else await stream.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task GreetAsync(Stream stream)
    {
        try
        {
            Take(await AgentConnection.OpenAsync(stream, CancellationToken.None).ConfigureAwait(false));
        }
        catch (Exception e) when (e is GuestAgentException or IOException or ObjectDisposedException)
        {
            // What called was no agent of this version: others may be.
        }
    }

    private void Take(AgentConnection connection)
    {
        AgentConnection? former = null;
        lock (_gate)
        {
            if (_disposed)
            {
                former = connection;
            }
            else if (!_current.TrySetResult(connection))
            {
                former = _current.Task.Result;
                _current = NewSource();
                _current.SetResult(connection);
            }
        }
        if (former is not null) _ = former.DisposeAsync().AsTask();
    }
}
