using Doppel.Devices.Backends.Net;
using Doppel.Devices.Virtio.Net;

namespace Doppel.Networks;

/// <summary>Checks what can be known about configured networks without opening anything. Thread contract: stateless.</summary>
internal static class NetworkRules
{
    /// <summary>Adds one sentence for people for each thing that is wrong.</summary>
    public static void Check(IReadOnlyList<NetworkConfig> networks, List<string> problems)
    {
        foreach (NetworkConfig network in networks)
        {
            CheckAddress(network, problems);
            CheckImpairment(network.Impairment, problems);
            if (network.Kind == NetworkKind.Socket && string.IsNullOrEmpty(network.SocketPath))
                problems.Add("--network socket: the path of the switch is missing; give one, as in --network socket,path=/tmp/net.sock");
            if (network.QueuePairs is < 1 or > VirtioNet.MaxQueuePairs)
                problems.Add($"--network: {network.QueuePairs} queues; give a number from 1 to {VirtioNet.MaxQueuePairs}");
        }
        foreach (IGrouping<string?, NetworkConfig> same in networks.GroupBy(static n => n.PcapPath, StringComparer.Ordinal))
        {
            if (same.Key is not null && same.Count() > 1) problems.Add($"--pcap {same.Key}: each network needs a file of its own");
        }
    }

    private static void CheckAddress(NetworkConfig network, List<string> problems)
    {
        if (network.Mac is null) return;
        if (!MacAddress.TryParse(network.Mac, out MacAddress mac))
            problems.Add($"--mac {network.Mac}: not an Ethernet address; give six bytes, as in --mac 52:54:00:12:34:56");
        else if (mac.IsGroup || mac.Value == 0)
            problems.Add($"--mac {network.Mac}: an address of a group; the first byte has to be even, as in --mac 52:54:00:12:34:56");
    }

    private static void CheckImpairment(NetworkImpairment options, List<string> problems)
    {
        (string Name, double Part)[] parts = [("loss", options.Loss), ("duplicate", options.Duplicate), ("reorder", options.Reorder)];
        foreach ((string name, double part) in parts)
        {
            if (part is not (>= 0 and <= 1)) problems.Add($"--net-{name}: give a part from 0% to 100%");
        }
        if (options.Delay < TimeSpan.Zero || options.Jitter < TimeSpan.Zero || options.Delay + options.Jitter > TimeSpan.FromMinutes(1))
            problems.Add("--net-delay: give a time from 0 to 60s, as in --net-delay 20ms");
        if (options.BitsPerSecond < 0) problems.Add("--net-rate: give bits per second, as in --net-rate 10M");
    }
}
