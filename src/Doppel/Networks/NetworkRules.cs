using Doppel.Devices.Backends.Net;
using Doppel.Devices.Backends.Net.User;
using Doppel.Devices.Backends.Net.User.Policy;
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
            Options(network, problems);
            CheckAddress(network, problems);
            CheckImpairment(network.Impairment, problems);
            if (network.Kind == NetworkKind.Socket && string.IsNullOrEmpty(network.SocketPath))
                problems.Add("--network socket: the path of the switch is missing; give one, as in --network socket,path=/tmp/net.sock");
            if (network.QueuePairs is < 1 or > VirtioNet.MaxQueuePairs)
                problems.Add($"--network: {network.QueuePairs} queues; give a number from 1 to {VirtioNet.MaxQueuePairs}");
        }
        if (networks.Count(static n => n.Kind == NetworkKind.User) > 1)
            problems.Add("--network user: one is enough, and several would all have the same addresses; leave the others out");
        foreach (IGrouping<string?, NetworkConfig> same in networks.GroupBy(static n => n.PcapPath, StringComparer.Ordinal))
        {
            if (same.Key is not null && same.Count() > 1) problems.Add($"--pcap {same.Key}: each network needs a file of its own");
        }
    }

    /// <summary>What a user network is made of.</summary>
    public static UserNetworkOptions Options(NetworkConfig network, List<string> problems)
    {
        List<PublishedPort> publishes = [];
        List<EgressRule> rules = [];
        bool isUser = network.Kind == NetworkKind.User;
        if (!isUser && network.Publish.Count > 0) problems.Add($"--publish {network.Publish[0]}: only a user network publishes ports; others have addresses that can be reached");
        if (!isUser && (network.Allow.Count > 0 || network.Restrict || !network.ReachesHost))
            problems.Add("--allow: only a user network knows where the guest goes; leave it out, or give --network user");
        foreach (string text in network.Publish)
        {
            if (PublishedPort.TryParse(text, out PublishedPort? port, out string? error)) publishes.Add(port);
            else problems.Add($"--publish: {error}");
        }
        foreach (string text in network.Allow)
        {
            if (EgressRule.TryParse(text, out EgressRule? rule, out string? error)) rules.Add(rule);
            else problems.Add($"--allow: {error}");
        }
        return Place(network, problems) with { Publishes = publishes, Allow = rules, Restrict = network.Restrict, ReachesHost = network.ReachesHost };
    }

    private static UserNetworkOptions Place(NetworkConfig network, List<string> problems)
    {
        if (UserSubnet.TryParse(network.Subnet, out UserSubnet? net))
            return new() { Network4 = net.First, PrefixLength4 = net.Bits, Host4 = net.Host, Dns4 = net.NameServer, Guest4 = net.Guest };
        if (network.Subnet is not null)
            problems.Add($"--network user,net={network.Subnet}: not an IPv4 network of 8 to 27 bits; give one, as in net=10.0.9.0/24");
        return new();
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
        if (options.Reorder > 0 && options.Delay == TimeSpan.Zero)
            problems.Add("--net-reorder: frames overtake those that are delayed; give --net-delay as well, as in --net-delay 10ms");
        if (options.BitsPerSecond < 0) problems.Add("--net-rate: give bits per second, as in --net-rate 10M");
    }
}
