using Doppel.Core.Execution;
using Doppel.Devices.Backends.Char;
using Doppel.Devices.Virtio.Balloon;
using Doppel.Devices.Virtio.Console;
using Doppel.Devices.Virtio.Vsock;
using Doppel.RiscV.Engines;

namespace Doppel.Boards;

/// <summary>The socket device of a board.</summary>
/// <param name="Host">The host's end.</param>
/// <param name="GuestCid">Address of the guest.</param>
internal sealed record VsockPort(VsockHost Host, uint GuestCid);

/// <summary>
/// What a board is given by the host. It outlives the board: when the guest reboots, a new board takes it over.
/// </summary>
internal sealed record BoardConnections
{
    /// <summary>What executes the harts.</summary>
    public required IRiscVEngine Engine { get; init; }

    /// <summary>The other end of the serial line.</summary>
    public required ICharBackend Serial { get; init; }

    /// <summary>Ports of the virtio console device, in order; empty for no such device.</summary>
    public required IReadOnlyList<ConsolePort> Ports { get; init; }

    /// <summary>Disks in order.</summary>
    public required IReadOnlyList<BoardDisk> Disks { get; init; }

    /// <summary>Networks in order.</summary>
    public IReadOnlyList<BoardNetwork> Networks { get; init; } = [];

    /// <summary>Shared folders in order.</summary>
    public IReadOnlyList<BoardShare> Shares { get; init; } = [];

    /// <summary>The host's end of the socket device; null for no such device.</summary>
    public VsockPort? Vsock { get; init; }

    /// <summary>The host's side of the memory balloon; null for no such device.</summary>
    public BalloonControl? Balloon { get; init; }

    /// <summary>Receives, on any thread, one line when something goes wrong that the guest or the host's files are to blame for.</summary>
    public required Action<string> Log { get; init; }

    /// <summary>
    /// Called, on a vCPU thread, with the guest's first request to switch off or start again; the board has already asked its vCPUs to stop.
    /// </summary>
    public required Action<PowerRequest> Power { get; init; }

    /// <summary>Called, on a vCPU thread, when an exception escaped.</summary>
    public required Action<Exception> Failed { get; init; }
}
