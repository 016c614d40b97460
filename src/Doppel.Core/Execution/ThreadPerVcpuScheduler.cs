namespace Doppel.Core.Execution;

/// <summary>One host thread for each vCPU: the scheduler of machines that run in real time.</summary>
public sealed class ThreadPerVcpuScheduler : VcpuScheduler
{
    private readonly Worker[] _workers;
    private readonly object _gate = new();
    private bool _pausing = true;
    private bool _stopping;

    /// <summary>Creates the threads, paused.</summary>
    public ThreadPerVcpuScheduler(IReadOnlyList<IVcpu> vcpus)
    {
        _workers = [.. vcpus.Select(v => new Worker(this, v))];
    }

    /// <inheritdoc/>
    public override void Resume()
    {
        lock (_gate)
        {
            _pausing = false;
            Monitor.PulseAll(_gate);
        }
    }

    /// <inheritdoc/>
    public override void RequestPause()
    {
        lock (_gate)
        {
            _pausing = true;
            Interrupt();
        }
    }

    /// <inheritdoc/>
    public override void Pause()
    {
        lock (_gate)
        {
            _pausing = true;
            Interrupt();
            while (_workers.Any(w => w.Running)) Monitor.Wait(_gate);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
            Interrupt();
        }
        foreach (Worker worker in _workers) worker.Join();
    }

    private void Interrupt()
    {
        foreach (Worker worker in _workers)
        {
            worker.Vcpu.RequestExit();
            worker.Vcpu.Signal.Raise();
        }
    }

    // The run loop of a vCPU: wait for leave to run, run, sleep when the guest sleeps.
    private void Loop(Worker worker)
    {
        try
        {
            while (TryEnter(worker))
            {
                VcpuExit exit = worker.Vcpu.Run(RunBudget.Unlimited);
                if (exit is VcpuExit.WaitingForInterrupt or VcpuExit.Stopped) worker.Vcpu.Signal.Wait();
            }
        }
        catch (Exception e)
        {
            Failure ??= e;
            Failed(e);
        }
        finally
        {
            lock (_gate)
            {
                worker.Running = false;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private bool TryEnter(Worker worker)
    {
        lock (_gate)
        {
            while (_pausing && !_stopping)
            {
                worker.Running = false;
                Monitor.PulseAll(_gate);
                Monitor.Wait(_gate);
            }
            worker.Running = !_stopping;
            return worker.Running;
        }
    }

    private sealed class Worker
    {
        private readonly Thread _thread;

        internal Worker(ThreadPerVcpuScheduler owner, IVcpu vcpu)
        {
            Vcpu = vcpu;
            _thread = new Thread(() => owner.Loop(this), maxStackSize: 1 << 20) { IsBackground = true, Name = $"doppel-vcpu{vcpu.Index}" };
            _thread.Start();
        }

        internal IVcpu Vcpu { get; }

        internal bool Running { get; set; }

        internal void Join()
        {
            if (Thread.CurrentThread != _thread) _thread.Join();
        }
    }
}
