using Doppel.Host;

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
    private readonly IReadOnlyList<int> _pinned;
    private readonly int _processors;
    private int _awake;
    private volatile bool _pausing = true;
    private volatile bool _stopping;

    /// <summary>Creates the threads, paused.</summary>
    /// <param name="vcpus">What they run.</param>
    /// <param name="pinned">Host processors that the threads may use; empty for those that this process may use.</param>
    public ThreadPerVcpuScheduler(IReadOnlyList<IVcpu> vcpus, params IReadOnlyList<int> pinned)
    {
        _pinned = pinned;
        _processors = pinned.Count > 0 ? pinned.Count : Environment.ProcessorCount;
        _awake = vcpus.Count;
        if (vcpus.Count > _processors) _budget = new RunBudget(CrowdedTicks);
        _workers = [.. vcpus.Select(v => new Worker(this, v))];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<IVcpuLane> Lanes => _workers;

    /// <inheritdoc/>
    public override void Resume()
    {
        lock (_gate)
        {
            _pausing = false;
            Monitor.PulseAll(_gate);
        }
        BecameBusy();
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
            worker.Begin(_pinned);
            while (TryEnter(worker)) Run(worker);
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

    private void Run(Worker worker)
    {
        switch (worker.Vcpu.Run(_budget))
        {
            case VcpuExit.WaitingForInterrupt or VcpuExit.Stopped:
                Sleep(worker);
                break;
            case VcpuExit.Yielded:
                Thread.Yield();
                break;
            case VcpuExit.BudgetSpent when Volatile.Read(ref _awake) > _processors:
                Thread.Yield();
                break;
        }
    }

    private void Sleep(Worker worker)
    {
        Interlocked.Decrement(ref _awake);
        worker.IsAsleep = true;
        worker.Vcpu.Signal.Wait();
        worker.IsAsleep = false;
        if (Interlocked.Increment(ref _awake) == 1) BecameBusy();
    }

    private bool TryEnter(Worker worker)
    {
        // Whoever sets these asks the vCPU to leave afterwards, so a run that begins nevertheless ends at once.
        if (worker.Running && !_pausing && !_stopping && !worker.IsHeld) return true;
        lock (_gate)
        {
            while ((_pausing || worker.IsHeld) && !_stopping)
            {
                // Only a change is worth telling, or those who wait here would wake each other for ever.
                if (worker.Running)
                {
                    worker.Running = false;
                    Monitor.PulseAll(_gate);
                }
                Monitor.Wait(_gate);
            }
            worker.Running = !_stopping;
            return worker.Running;
        }
    }

    private void SetHeld(Worker worker, Action change)
    {
        lock (_gate)
        {
            change();
            Monitor.PulseAll(_gate);
        }
        worker.Vcpu.RequestExit();
    }

    private sealed class Worker : IVcpuLane
    {
        private readonly ThreadPerVcpuScheduler _owner;
        private readonly Thread _thread;
        private volatile bool _running, _held, _asleep;
        private HostThread _hostThread;

        internal Worker(ThreadPerVcpuScheduler owner, IVcpu vcpu)
        {
            _owner = owner;
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

        internal bool IsAsleep
        {
            get => _asleep;
            set => _asleep = value;
        }

        public long ProcessorTimeNs => _hostThread.ProcessorTimeNs;

        public bool IsBusy => !_asleep && !_owner._pausing;

        public bool IsHeld
        {
            get => _held;
            set
            {
                if (_held != value) _owner.SetHeld(this, () => _held = value);
            }
        }

        // On the thread itself.
        internal void Begin(IReadOnlyList<int> pinned)
        {
            _hostThread = HostThread.Current;
            if (pinned.Count > 0) HostProcessors.PinCurrentThread(pinned);
        }

        internal void Join()
        {
            if (Thread.CurrentThread != _thread) _thread.Join();
        }
    }
}
