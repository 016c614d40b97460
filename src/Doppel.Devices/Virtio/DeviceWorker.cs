using Doppel.Core.Execution;

namespace Doppel.Devices.Virtio;

/// <summary>
/// A thread of a device's own that works whenever it is told to. Thread contract: <see cref="Raise"/> from any thread, the rest one at a time.
/// </summary>
internal sealed class DeviceWorker : IDisposable
{
    private readonly VcpuSignal _signal = new();
    private readonly Action _work;
    private readonly Thread _thread;
    private ManualResetEventSlim? _quiet;
    private volatile bool _stopping;

    /// <summary>Starts the thread.</summary>
    /// <param name="name">Its name, for debuggers.</param>
    /// <param name="work">What it does each time: all that there is to do.</param>
    internal DeviceWorker(string name, Action work)
    {
        _work = work;
        _thread = new Thread(Loop, maxStackSize: 256 << 10) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>The work at hand should end soon.</summary>
    internal bool IsStopping => _stopping;

    /// <summary>There may be work.</summary>
    internal void Raise() => _signal.Raise();

    /// <summary>Returns when all is done that it was told of; nobody tells it of more meanwhile.</summary>
    internal void Quiesce()
    {
        using ManualResetEventSlim quiet = new(false);
        Volatile.Write(ref _quiet, quiet);
        _signal.Raise();
        quiet.Wait();
    }

    /// <summary>Ends the thread after the work at hand.</summary>
    public void Dispose()
    {
        if (_stopping) return;
        _stopping = true;
        _signal.Raise();
        _thread.Join();
        _signal.Dispose();
    }

    private void Loop()
    {
        while (true)
        {
            _signal.Wait();
            if (_stopping) return;
            // Whoever waits for the end of the work has asked before this round of it, which is the last.
            ManualResetEventSlim? quiet = Interlocked.Exchange(ref _quiet, null);
            _work();
            quiet?.Set();
        }
    }
}
