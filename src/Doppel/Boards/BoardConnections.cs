using Doppel.Core.Execution;
using Doppel.Devices.Backends.Char;
using Doppel.RiscV.Engines;

namespace Doppel.Boards;

/// <summary>
/// What a board is given by the host. It outlives the board: when the guest reboots, a new board takes it over.
/// </summary>
internal sealed record BoardConnections
{
    /// <summary>What executes the harts.</summary>
    public required IRiscVEngine Engine { get; init; }

    /// <summary>The other end of the serial line.</summary>
    public required ICharBackend Serial { get; init; }

    /// <summary>
    /// Called, on a vCPU thread, with the guest's first request to switch off or start again; the board has already asked its vCPUs to stop.
    /// </summary>
    public required Action<PowerRequest> Power { get; init; }

    /// <summary>Called, on a vCPU thread, when an exception escaped.</summary>
    public required Action<Exception> Failed { get; init; }
}
