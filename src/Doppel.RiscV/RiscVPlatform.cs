using Doppel.Core.Bus;
using Doppel.Core.Memory;
using Doppel.Core.Time;

namespace Doppel.RiscV;

/// <summary>
/// Firmware that stands outside the guest's address space and answers environment calls from S-mode in the place of M-mode code.
/// Thread contract: called on the thread of the calling hart.
/// </summary>
public interface IRiscVFirmware
{
    /// <summary>Serves an ECALL from S-mode: reads a0–a7 from the state, writes a0 and a1. The caller has set pc behind the ECALL.</summary>
    /// <returns>What the hart does next.</returns>
    FirmwareResult Call(int hart, ref RiscVState state);
}

/// <summary>What a hart does after a firmware call.</summary>
public enum FirmwareResult
{
    /// <summary>Go on with the next instruction.</summary>
    Continue,

    /// <summary>Stop until the firmware starts the hart again (its state is loaded anew, then its signal is raised).</summary>
    Stop,

    /// <summary>Wait for an interrupt, then go on (HSM suspend).</summary>
    Wait,
}

/// <summary>What a hart is connected to.</summary>
/// <param name="Memory">Guest RAM and ROM.</param>
/// <param name="Bus">Devices.</param>
/// <param name="Time">What the time CSR counts.</param>
public sealed record RiscVPlatform(GuestMemory Memory, MmioBus Bus, MachineTime Time)
{
    /// <summary>
    /// Register mtime, which the time CSR shows (unprivileged manual, "Zicntr"; device tree: timebase-frequency). By default of 10 MHz.
    /// </summary>
    public MachineCounter Counter { get; init; } = new(Time, 10_000_000);

    /// <summary>The firmware in the host, or null where M-mode code runs in the guest.</summary>
    public IRiscVFirmware? Firmware { get; init; }

    /// <summary>Number of harts; more than one makes atomics and fences visible to other threads.</summary>
    public int HartCount { get; init; } = 1;
}
