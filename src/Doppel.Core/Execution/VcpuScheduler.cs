namespace Doppel.Core.Execution;

/// <summary>
/// Runs the vCPUs of one machine. Thread contract: all members from any thread except the machine's own vCPU threads, unless a member
/// says otherwise.
/// </summary>
public abstract class VcpuScheduler : IDisposable
{
    /// <summary>The first exception that escaped a vCPU: a defect of the engine or of a device, never the guest's doing.</summary>
    public Exception? Failure { get; private protected set; }

    /// <summary>Called, on a vCPU thread, when <see cref="Failure"/> was set.</summary>
    public Action<Exception> Failed { get; set; } = static _ => { };

    /// <summary>The threads that run vCPUs.</summary>
    public abstract IReadOnlyList<IVcpuLane> Lanes { get; }

    /// <summary>Called, on any thread, when a lane may have become busy while none was. It must be quick. Set before the first <see cref="Resume"/>.</summary>
    public Action BecameBusy { get; set; } = static () => { };

    /// <summary>Starts or continues the vCPUs.</summary>
    public abstract void Resume();

    /// <summary>
    /// Asks the vCPUs to stop between two instructions, without waiting. Any thread, also a vCPU's own: that vCPU then stops before its
    /// next instruction.
    /// </summary>
    public abstract void RequestPause();

    /// <summary>Stops the vCPUs between two instructions; returns when none runs any more.</summary>
    public abstract void Pause();

    /// <summary>Ends the threads. The vCPUs can not run again.</summary>
    public abstract void Dispose();
}
