using System.Runtime.InteropServices;
using Doppel.Cli.Output;

namespace Doppel.Cli.Running;

/// <summary>
/// Turns the signals that end a command into an orderly stop: the machine is taken down and the terminal restored before the process
/// goes. A second signal of the same kind ends it at once. Thread contract: one owner; handlers run on the runtime's signal thread.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private static readonly (PosixSignal Signal, int Number)[] s_signals =
        [(PosixSignal.SIGHUP, 1), (PosixSignal.SIGINT, 2), (PosixSignal.SIGQUIT, 3), (PosixSignal.SIGTERM, 15)];

    // SIGXFSZ, which the runtime has no name for.
    private const PosixSignal FileTooLong = (PosixSignal)25;

    private readonly TaskCompletionSource<int> _received = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PosixSignalRegistration[] _registrations;

    // A guest that writes to its disk beyond the user's limit for files (`ulimit -f`) gets an error, and does not end the process.
    internal StopSignals()
        => _registrations = [.. s_signals.Select(Register), PosixSignalRegistration.Create(FileTooLong, static context => context.Cancel = true)];

    /// <summary>Ends with the exit status that the first signal asks for.</summary>
    internal Task<int> Received => _received.Task;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations) registration.Dispose();
    }

    private PosixSignalRegistration Register((PosixSignal Signal, int Number) entry)
        => PosixSignalRegistration.Create(entry.Signal, context => context.Cancel = _received.TrySetResult(ExitStatus.FromSignal(entry.Number)));
}
