namespace Doppel.Core.Execution;

/// <summary>
/// A host thread that runs vCPUs, as whoever shares out the host's processors sees it. Thread contract: all members from any thread.
/// </summary>
public interface IVcpuLane
{
    /// <summary>Processor time that the thread has used, in nanoseconds.</summary>
    long ProcessorTimeNs { get; }

    /// <summary>True while the guest has something to do there, whether or not it is being held.</summary>
    bool IsBusy { get; }

    /// <summary>True to let the thread sleep between two instructions, whatever the guest has to do. Virtual time goes on.</summary>
    bool IsHeld { get; set; }
}
