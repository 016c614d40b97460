using System.Diagnostics;

namespace Doppel.Core.Time;

/// <summary>
/// Measures the host's time for statistics and reports; nothing that the guest can see depends on it.
/// Thread contract: all members from any thread.
/// </summary>
public sealed class HostStopwatch
{
    private readonly Lock _gate = new();
    private readonly Stopwatch _watch = new();

    /// <summary>Time while started.</summary>
    public TimeSpan Elapsed
    {
        get
        {
            lock (_gate) return _watch.Elapsed;
        }
    }

    /// <summary>Starts or goes on.</summary>
    public void Start()
    {
        lock (_gate) _watch.Start();
    }

    /// <summary>Stands still until the next <see cref="Start"/>.</summary>
    public void Stop()
    {
        lock (_gate) _watch.Stop();
    }
}
