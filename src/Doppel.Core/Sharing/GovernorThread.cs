using Doppel.Core.Time;
using Doppel.Host;

namespace Doppel.Core.Sharing;

/// <summary>
/// Lets a governor look at its machine every few milliseconds, as long as that is busy. Thread contract: <see cref="Wake"/> from any thread; one owner.
/// </summary>
public sealed class GovernorThread : IDisposable
{
    private readonly HostEvent _wake = new();
    private readonly ProcessorGovernor _governor;
    private readonly Thread _thread;
    private volatile bool _asleep, _disposed;

    /// <summary>Starts the thread.</summary>
    public GovernorThread(ProcessorGovernor governor)
    {
        _governor = governor;
        _thread = new Thread(Loop, maxStackSize: 256 << 10) { IsBackground = true, Name = "doppel-shares" };
        _thread.Start();
    }

    /// <summary>The machine has become busy. Costs no system call unless the thread sleeps.</summary>
    public void Wake()
    {
        if (_asleep) _wake.Set();
    }

    /// <summary>Ends the thread; lanes stay as they are.</summary>
    public void Dispose()
    {
        _disposed = true;
        _wake.Set();
        _thread.Join();
        _wake.Dispose();
    }

    private void Loop()
    {
        try
        {
            while (!_disposed)
            {
                // Set before the look: who becomes busy after it finds a thread that sleeps, or is about to.
                _asleep = true;
                Interlocked.MemoryBarrier();
                long nextNs = _governor.Look(HostClock.NowNs);
                if (nextNs >= 0) _asleep = false;
                _wake.Wait(nextNs);
            }
        }
        catch (ObjectDisposedException)
        {
            // The table was disposed before the machine: nobody is left to share with.
            _governor.Release();
        }
    }
}
