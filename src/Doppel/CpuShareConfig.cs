namespace Doppel;

/// <summary>How much of the host's processors a machine's virtual processors may use; immutable. Nothing of it needs special rights.</summary>
public sealed record CpuShareConfig
{
    /// <summary>Smallest and largest <see cref="Weight"/>.</summary>
    public const int MinWeight = 1, MaxWeight = 10_000;

    /// <summary>Smallest <see cref="Limit"/>.</summary>
    public const double MinLimit = 0.01;

    /// <summary>The defaults: no limit, all processors, no group.</summary>
    public static CpuShareConfig Default { get; } = new();

    /// <summary>
    /// Share relative to the other machines of <see cref="Group"/> while there is not enough for all: one of weight 200 gets twice as much as
    /// one of weight 100.
    /// </summary>
    public int Weight { get; init; } = 100;

    /// <summary>Those that share with each other; null to take what the host's kernel gives.</summary>
    public CpuShareGroup? Group { get; init; }

    /// <summary>Most processor time, as a number of processors: 0.5 is half of one, 1.5 one and a half; null for no limit.</summary>
    public double? Limit { get; init; }

    /// <summary>Numbers of the host's processors that the virtual ones may run on; empty for all.</summary>
    public IReadOnlyList<int> Pinned { get; init; } = [];
}
