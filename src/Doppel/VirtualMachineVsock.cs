using Doppel.Devices.Virtio.Vsock;

namespace Doppel;

/// <summary>
/// Stream sockets between host and guest, without a network. A guest program reaches the host at address 2. Thread contract: all members
/// from any thread.
/// </summary>
public sealed class VirtualMachineVsock
{
    private readonly VsockHost _host;

    internal VirtualMachineVsock(VsockHost host) => _host = host;

    /// <summary>Connects to a port of the guest. Waits while the guest has no driver yet.</summary>
    /// <param name="port">Port that a program in the guest listens on.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="IOException">Nobody listens there, or the machine has ended.</exception>
    public Task<VsockStream> ConnectAsync(uint port, CancellationToken cancellationToken = default) => _host.ConnectAsync(port, cancellationToken);

    /// <summary>Listens on a port of the host, across reboots of the guest.</summary>
    /// <param name="port">Port that programs in the guest connect to. The guest's agent uses port 1.</param>
    /// <exception cref="IOException">Somebody listens there already.</exception>
    public VsockListener Listen(uint port) => _host.Listen(port);
}
