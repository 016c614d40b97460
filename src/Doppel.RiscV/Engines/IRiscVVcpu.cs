using Doppel.Core.Diagnostics;
using Doppel.Core.Execution;

namespace Doppel.RiscV.Engines;

/// <summary>A RISC-V hart of any engine. Thread contract: as <see cref="IVcpu"/>, except where a member says otherwise.</summary>
public interface IRiscVVcpu : IVcpu
{
    /// <summary>Sets the architectural state. Only while the hart does not run.</summary>
    void Load(in RiscVState state);

    /// <summary>Copies the architectural state out. Only while the hart does not run, or from its own thread.</summary>
    void Save(ref RiscVState state);

    /// <summary>Loads a state into a stopped hart and lets it run, from any thread (SBI HSM start; the board starts the boot hart).</summary>
    void Start(in RiscVState state);

    /// <summary>True while the hart is stopped: never started, or stopped by <see cref="FirmwareResult.Stop"/>. Any thread.</summary>
    bool IsStopped { get; }

    /// <summary>Drives one wire into mip, from any thread: the interrupt controllers' outputs (MSIP 3, MTIP 7, SEIP 9, MEIP 11).</summary>
    void SetInterrupt(int bit, bool level);

    /// <summary>Asks, from any thread, that the hart acts as if it executed a fence soon; <see cref="AwaitFences"/> tells when that is so.</summary>
    void RequestFence(in RemoteFence fence);

    /// <summary>
    /// Returns, on any thread, when the hart can execute no instruction before the fences that were requested: at once where it does not run.
    /// </summary>
    void AwaitFences();

    /// <summary>Number of exits and events by cause so far; approximate while the hart runs.</summary>
    RiscVStatistics Statistics { get; }
}

/// <summary>Counters of one hart.</summary>
public record struct RiscVStatistics
{
    /// <summary>Guest instructions begun.</summary>
    public ulong Instructions { get; set; }

    /// <summary>Synchronous exceptions by cause code (privileged manual, table of mcause), 16 entries.</summary>
    public ulong[] Exceptions { get; set; }

    /// <summary>Interrupts taken by cause code, 16 entries.</summary>
    public ulong[] Interrupts { get; set; }

    /// <summary>Loads and stores that went to a device.</summary>
    public ulong MmioAccesses { get; set; }

    /// <summary>Page-table walks.</summary>
    public ulong PageWalks { get; set; }

    /// <summary>Times the hart slept in WFI.</summary>
    public ulong Waits { get; set; }

    /// <summary>Environment calls that the built-in firmware served.</summary>
    public ulong FirmwareCalls { get; set; }

    /// <summary>Times that an engine's caches of decoded or translated code were dropped, whole or in part.</summary>
    public ulong CodeInvalidations { get; set; }

    /// <summary>What the engine has translated; null for one that does not translate.</summary>
    public TranslationStatistics? Translation { get; set; }
}

/// <summary>A way to execute RISC-V harts.</summary>
public interface IRiscVEngine
{
    /// <summary>Name on the command line: <c>interp</c>, <c>jit</c>.</summary>
    string Name { get; }

    /// <summary>Creates one hart, stopped at reset in M-mode with pc zero. Load a state before it runs.</summary>
    IRiscVVcpu CreateVcpu(int hart, RiscVPlatform platform);
}
