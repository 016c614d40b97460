namespace Doppel.Agent;

/// <summary>
/// A program that runs in a guest. Read both outputs, or it stops once they are full. Thread contract: one user for each stream; the rest from
/// any thread.
/// </summary>
public sealed class GuestProcess : IAsyncDisposable
{
    private const int Kill = 9;

    private readonly AgentRequest _request;
    private readonly string _what;

    internal GuestProcess(AgentRequest request, string what)
    {
        _request = request;
        _what = what;
    }

    /// <summary>What the program reads, where it was started with <see cref="GuestExec.HasInput"/> or a terminal; closing it ends its input.</summary>
    public Stream StandardInput => _request.Input;

    /// <summary>What the program prints.</summary>
    public Stream StandardOutput => _request.Output;

    /// <summary>What the program prints as errors; empty on a terminal.</summary>
    public Stream StandardError => _request.Error;

    /// <summary>Waits for the end of the program. What it left running in the background goes on.</summary>
    /// <param name="cancellationToken">Kills the program.</param>
    /// <exception cref="GuestAgentException">It could not be started, or the guest is gone.</exception>
    public async Task<GuestExit> WaitAsync(CancellationToken cancellationToken = default)
    {
        AgentResult result = await _request.FinishAsync(_what, cancellationToken).ConfigureAwait(false);
        int signal = (int)(result.Value & 127);
        return result.Kind == AgentResultKind.Signal ? new GuestExit(128 + signal, signal) : new GuestExit((int)(result.Value & 255), 0);
    }

    /// <summary>Sends a signal to the program and to what it has started.</summary>
    /// <param name="signal">Number, as Linux counts them.</param>
    public void SendSignal(int signal) => _request.Post(AgentFrameType.Signal, (uint)signal);

    /// <summary>Tells the program of a new size of its terminal.</summary>
    public void Resize(int columns, int rows) => _request.Post(AgentFrameType.Resize, GuestExec.TerminalSize(columns, rows));

    /// <summary>Kills the program, and gives those who wait for its end a reason.</summary>
    internal void Fail(GuestAgentException reason) => _request.Cancel(Kill, reason);

    /// <summary>Kills the program if it still runs.</summary>
    public ValueTask DisposeAsync()
    {
        _request.Cancel(Kill);
        return ValueTask.CompletedTask;
    }
}
