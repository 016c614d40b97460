namespace Doppel.Devices.Backends.Net;

/// <summary>How a network is worse than a cable; the same in both directions, each frame for itself.</summary>
public sealed record NetImpairmentOptions
{
    /// <summary>Time that each frame takes in one direction.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>Most by which the delay of a frame is longer or shorter; frames stay in order.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>Part of the frames that are lost, 0 to 1.</summary>
    public double Loss { get; init; }

    /// <summary>Part of the frames that arrive twice, 0 to 1.</summary>
    public double Duplicate { get; init; }

    /// <summary>Part of the frames that skip the delay and so overtake others, 0 to 1; nothing without a delay.</summary>
    public double Reorder { get; init; }

    /// <summary>Bits per second in each direction; zero for no limit.</summary>
    public long BitsPerSecond { get; init; }

    /// <summary>The same seed gives the same fate to the same frames.</summary>
    public ulong Seed { get; init; }

    /// <summary>True if there is nothing to do.</summary>
    public bool IsNone => this with { Seed = 0 } == new NetImpairmentOptions();
}
