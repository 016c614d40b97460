using Doppel.Boards;
using Doppel.Devices.Backends.Net;
using Doppel.Devices.Backends.Net.Switch;
using Doppel.Devices.Backends.Net.User.Naming;

namespace Doppel.Networks;

/// <summary>Opens what a configured network needs of the host. Thread contract: stateless.</summary>
internal static class NetworkOpener
{
    /// <summary>Opens one network.</summary>
    /// <param name="config">The machine's valid configuration.</param>
    /// <param name="index">Which of its networks.</param>
    /// <exception cref="VirtualMachineException">The host refuses something.</exception>
    public static BoardNetwork Open(VirtualMachineConfig config, int index)
    {
        NetworkConfig network = config.Networks[index];
        if (network.Mac is null || !MacAddress.TryParse(network.Mac, out MacAddress mac))
            mac = MacAddress.CreateLocal(BoardTime.Seed(config, $"mac-{index}", MacAddress.Size));
        PcapWriter? capture = OpenCapture(network, config.Log);
        try
        {
            NetImpairmentOptions impairment = Impairment(network, config.Seed);
            return network.Kind == NetworkKind.User
                ? new BoardNetwork(NetworkRules.Options(network, []) with { Search = ResolverFile.Read().Search }, capture, impairment) { Mac = mac, QueuePairs = network.QueuePairs }
                : new BoardNetwork(OpenBackend(network, config.Log), capture, impairment) { Mac = mac, QueuePairs = network.QueuePairs };
        }
        catch (IOException e)
        {
            capture?.Dispose();
            throw new VirtualMachineException($"--network {Name(network)}: {e.Message}", e);
        }
    }

    private static INetBackend OpenBackend(NetworkConfig network, Action<string> log) => network.Kind switch
    {
        NetworkKind.Tap => new TapNetBackend(network.InterfaceName, log),
        _ => new SwitchNetBackend(network.SocketPath!, log),
    };

    private static NetImpairmentOptions Impairment(NetworkConfig network, ulong seed) => new()
    {
        Delay = network.Impairment.Delay,
        Jitter = network.Impairment.Jitter,
        Loss = network.Impairment.Loss,
        Duplicate = network.Impairment.Duplicate,
        Reorder = network.Impairment.Reorder,
        BitsPerSecond = network.Impairment.BitsPerSecond,
        Seed = seed,
    };

    private static string Name(NetworkConfig network) => network.Kind switch
    {
        NetworkKind.Tap => "tap",
        _ => $"socket,path={network.SocketPath}",
    };

    private static PcapWriter? OpenCapture(NetworkConfig network, Action<string> log)
    {
        try
        {
            return network.PcapPath is { } path ? new PcapWriter(path, log) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new VirtualMachineException($"--pcap {network.PcapPath}: {e.Message}", e);
        }
    }
}
