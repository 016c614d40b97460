namespace Doppel;

/// <summary>Where a network device leads.</summary>
public enum NetworkKind
{
    /// <summary>
    /// A private network without privileges: the guest is 10.0.2.15 and fec0::15, the host 10.0.2.2 and fec0::2, the name server 10.0.2.3; what it
    /// sends elsewhere leaves by sockets of this process.
    /// </summary>
    User,

    /// <summary>A TAP interface of the host.</summary>
    Tap,

    /// <summary>A switch that machines of this host share, also between processes.</summary>
    Socket,
}

/// <summary>One virtio network device: the guest's <c>eth0</c>, <c>eth1</c>, … in order. Immutable.</summary>
public sealed record NetworkConfig
{
    /// <summary>Where it leads.</summary>
    public required NetworkKind Kind { get; init; }

    /// <summary>Ethernet address, as in <c>52:54:00:12:34:56</c>; null for one that no other machine has.</summary>
    public string? Mac { get; init; }

    /// <summary>Pairs of queues, so that several vCPUs can send and receive at once.</summary>
    public int QueuePairs { get; init; } = 1;

    /// <summary>User network: ports of the host that lead to the guest, each as <c>[IP:]HOST:GUEST[/udp]</c>; 0 lets the host choose its port.</summary>
    public IReadOnlyList<string> Publish { get; init; } = [];

    /// <summary>User network: if not empty, the only places that the guest reaches: names, addresses, blocks, each also with <c>:PORT</c>.</summary>
    public IReadOnlyList<string> Allow { get; init; } = [];

    /// <summary>User network: true to let the guest reach nothing, not even the host.</summary>
    public bool Restrict { get; init; }

    /// <summary>
    /// User network: its IPv4 network, as in <c>10.0.9.0/24</c>, of 8 to 27 bits; null for <c>10.0.2.0/24</c>. The host is its second address, the
    /// name server the third, the guest the fifteenth.
    /// </summary>
    public string? Subnet { get; init; }

    /// <summary>User network: false to keep the host's own services, which listen on its loopback, out of reach unless <see cref="Allow"/> names them.</summary>
    public bool ReachesHost { get; init; } = true;

    /// <summary>Name of the TAP interface; <c>%d</c> in it stands for the first free number.</summary>
    public string InterfaceName { get; init; } = "doppel%d";

    /// <summary>Path of the switch's Unix domain socket: the first machine makes it, the others connect.</summary>
    public string? SocketPath { get; init; }

    /// <summary>How much worse than a cable it is.</summary>
    public NetworkImpairment Impairment { get; init; } = new();

    /// <summary>A file to capture all frames in, in libpcap's format, or null.</summary>
    public string? PcapPath { get; init; }
}

/// <summary>How a network is worse than a cable; the same in both directions, each frame for itself.</summary>
public sealed record NetworkImpairment
{
    /// <summary>Time that each frame takes in one direction.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>Most by which the delay of a frame is longer or shorter; frames stay in order.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>Part of the frames that are lost, 0 to 1.</summary>
    public double Loss { get; init; }

    /// <summary>Part of the frames that arrive twice, 0 to 1.</summary>
    public double Duplicate { get; init; }

    /// <summary>Part of the frames that skip the delay and so overtake others, 0 to 1; only with a delay.</summary>
    public double Reorder { get; init; }

    /// <summary>Bits per second in each direction; zero for no limit.</summary>
    public long BitsPerSecond { get; init; }
}
