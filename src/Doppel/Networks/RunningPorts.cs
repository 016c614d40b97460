using Doppel.Boards;
using Doppel.Devices.Backends.Net.User;
using Doppel.Host;

namespace Doppel.Networks;

/// <summary>The published ports of a machine while it runs. Thread contract: all members from any thread.</summary>
/// <param name="networks">The machine's networks.</param>
internal sealed class RunningPorts(IReadOnlyList<BoardNetwork> networks)
{
    /// <summary>All of them.</summary>
    public IReadOnlyList<VirtualMachinePublishedPort> All => [.. networks.SelectMany(static n => n.Published).Select(VirtualMachinePublishedPort.Of)];

    /// <summary>Opens one more.</summary>
    /// <param name="text">As in <see cref="NetworkConfig.Publish"/>.</param>
    /// <exception cref="VirtualMachineException">It can not be opened.</exception>
    public VirtualMachinePublishedPort Publish(string text)
    {
        if (!PublishedPort.TryParse(text, out PublishedPort? port, out string? error)) throw new VirtualMachineException(error);
        BoardNetwork network = networks.FirstOrDefault(static n => n.IsUser)
            ?? throw new VirtualMachineException("The machine has no user network, and only that publishes ports; others have addresses that can be reached.");
        try
        {
            return VirtualMachinePublishedPort.Of(network.Publish(port));
        }
        catch (HostException e)
        {
            throw new VirtualMachineException(e.Message, e);
        }
    }

    /// <summary>Closes one. False if it is not open.</summary>
    public bool Unpublish(VirtualMachinePublishedPort port) => networks.Any(n => n.Unpublish(port.ToPort()));
}
