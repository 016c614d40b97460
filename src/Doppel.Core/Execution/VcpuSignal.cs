using Doppel.Host;

namespace Doppel.Core.Execution;

/// <summary>What a vCPU that has nothing to do sleeps on. Thread contract: <see cref="Raise"/> from any thread, one waiter.</summary>
public sealed class VcpuSignal : IDisposable
{
    private readonly HostEvent _event = new();
    private int _waiting;
    private int _raised;

    /// <summary>Wakes the waiter, or lets the next wait return at once. Costs no system call while nobody waits.</summary>
    public void Raise()
    {
        if (Interlocked.Exchange(ref _raised, 1) == 0 && Volatile.Read(ref _waiting) != 0) _event.Set();
    }

    /// <summary>Sleeps until raised.</summary>
    /// <param name="timeoutNs">Longest sleep in nanoseconds; negative sleeps for ever.</param>
    public void Wait(long timeoutNs = -1)
    {
        Interlocked.Exchange(ref _waiting, 1);
        if (Volatile.Read(ref _raised) == 0) _event.Wait(timeoutNs);
        Interlocked.Exchange(ref _waiting, 0);
        Interlocked.Exchange(ref _raised, 0);
    }

    /// <inheritdoc/>
    public void Dispose() => _event.Dispose();
}
