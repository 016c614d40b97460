namespace Doppel.Core.Execution;

/// <summary>One host thread for each vCPU: the scheduler of machines that run in real time.</summary>
public sealed class ThreadPerVcpuScheduler : VcpuScheduler
{
    // A guest that spins without saying so must not spin for a whole time slice of the host where somebody else could run: a barrier of
    // hundreds of vCPUs takes one round of all of them.
    private const long CrowdedTicks = 1 << 15;

    private readonly Worker[] _workers;
    private readonly object _gate = new();
    private readonly RunBudget _budget = RunBudget.Unlimited;
    private readonly int _processors = Environment.ProcessorCount;
    private int _awake;
    private volatile bool _pausing = true;
    private volatile bool _stopping;

    /// <summary>Creates the threads, paused.</summary>
    public ThreadPerVcpuScheduler(IReadOnlyList<IVcpu> vcpus)
    {
        _awake = vcpus.Count;
        if (vcpus.Count > _processors) _budget = new RunBudget(CrowdedTicks);
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
            while (TryEnter(worker)) Run(worker.Vcpu);
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

    private void Run(IVcpu vcpu)
    {
        switch (vcpu.Run(_budget))
        {
            case VcpuExit.WaitingForInterrupt or VcpuExit.Stopped:
                Interlocked.Decrement(ref _awake);
                vcpu.Signal.Wait();
                Interlocked.Increment(ref _awake);
                break;
            case VcpuExit.Yielded:
                Thread.Yield();
                break;
            case VcpuExit.BudgetSpent when Volatile.Read(ref _awake) > _processors:
                Thread.Yield();
                break;
        }
    }

    private bool TryEnter(Worker worker)
    {
        // Whoever sets these asks the vCPU to leave afterwards, so a run that begins nevertheless ends at once.
        if (worker.Running && !_pausing && !_stopping) return true;
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
        private volatile bool _running;

        internal Worker(ThreadPerVcpuScheduler owner, IVcpu vcpu)
        {
            Vcpu = vcpu;
            _thread = new Thread(() => owner.Loop(this), maxStackSize: 1 << 20) { IsBackground = true, Name = $"doppel-vcpu{vcpu.Index}" };
            _thread.Start();
        }

        internal IVcpu Vcpu { get; }

        internal bool Running
        {
            get => _running;
            set => _running = value;
        }

        internal void Join()
        {
            if (Thread.CurrentThread != _thread) _thread.Join();
        }
    }
}
