namespace Doppel.RiscV.Translate;

/// <summary>
/// The thread of a machine that compiles regions for its harts. It is started by the first work and ends when there has been none for a
/// while, so nobody has to stop it. Thread contract: any thread.
/// </summary>
internal sealed class OptimiserThread
{
    private const int IdleMilliseconds = 2000;

    private readonly Queue<Action> _work = [];
    private bool _isRunning;

    /// <summary>Asks for work to be done soon. It must not throw.</summary>
    internal void Post(Action work)
    {
        lock (_work)
        {
            _work.Enqueue(work);
            if (_isRunning)
            {
                Monitor.Pulse(_work);
                return;
            }
            _isRunning = true;
        }
        new Thread(Run) { IsBackground = true, Name = "doppel-optimiser", Priority = ThreadPriority.BelowNormal }.Start();
    }

    private void Run()
    {
        while (TryTake(out Action work)) work();
    }

    private bool TryTake(out Action work)
    {
        lock (_work)
        {
            while (!_work.TryDequeue(out work!))
            {
                if (Monitor.Wait(_work, IdleMilliseconds) || _work.Count > 0) continue;
                _isRunning = false;
                return false;
            }
            return true;
        }
    }
}
