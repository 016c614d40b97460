namespace Doppel;

/// <summary>Why a machine ended.</summary>
public enum VirtualMachineExitReason
{
    /// <summary>The guest switched the machine off and reported success.</summary>
    PowerOff,

    /// <summary>The guest asked for a reboot and <see cref="VirtualMachineConfig.RestartOnReboot"/> is false.</summary>
    Reboot,

    /// <summary>The guest ended the run with a status of its own.</summary>
    GuestExit,

    /// <summary>The configured time was up.</summary>
    Timeout,

    /// <summary>The host stopped the machine.</summary>
    Cancelled,

    /// <summary>A defect of the library; never the guest's doing.</summary>
    Failure,
}

/// <summary>How a machine ended.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Status">The guest's status: 0 after <see cref="VirtualMachineExitReason.PowerOff"/>.</param>
/// <param name="Error">The exception behind <see cref="VirtualMachineExitReason.Failure"/>, otherwise null.</param>
public sealed record VirtualMachineExit(VirtualMachineExitReason Reason, int Status = 0, Exception? Error = null);
