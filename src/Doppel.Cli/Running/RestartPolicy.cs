using System.Globalization;

namespace Doppel.Cli.Running;

/// <summary>When a machine in the background starts again after its end, in the words of container tools. Thread contract: immutable.</summary>
internal sealed record RestartPolicy
{
    /// <summary>What <see cref="TryParse"/> takes.</summary>
    internal const string Words = "no|on-failure[:MOST]|always|unless-stopped";

    // As container tools have them: twice as long after each end that came soon.
    private static readonly TimeSpan s_shortest = TimeSpan.FromMilliseconds(100), s_longest = TimeSpan.FromMinutes(1), s_soon = TimeSpan.FromSeconds(10);

    private RestartPolicy(bool afterSuccess, int most)
    {
        AfterSuccess = afterSuccess;
        Most = most;
    }

    internal static RestartPolicy Never { get; } = new(afterSuccess: false, most: 0);

    /// <summary>True if it starts again after an orderly end, too.</summary>
    internal bool AfterSuccess { get; }

    /// <summary>How often it starts again at most.</summary>
    internal int Most { get; }

    /// <summary>Reads a policy; null if it is none.</summary>
    internal static RestartPolicy? TryParse(string text) => text switch
    {
        "no" => Never,
        // No daemon starts machines when the host does, so that the two are the same.
        "always" or "unless-stopped" => new RestartPolicy(afterSuccess: true, int.MaxValue),
        "on-failure" => new RestartPolicy(afterSuccess: false, int.MaxValue),
        _ when text.StartsWith("on-failure:", StringComparison.Ordinal)
            && int.TryParse(text.AsSpan("on-failure:".Length), NumberStyles.None, CultureInfo.InvariantCulture, out int most) => new RestartPolicy(afterSuccess: false, most),
        _ => null,
    };

    /// <summary>True if a machine that ended by itself starts again.</summary>
    /// <param name="status">Its exit status.</param>
    /// <param name="restarts">How often it has started again before.</param>
    internal bool StartsAgain(int status, int restarts) => restarts < Most && (AfterSuccess || status != 0);

    /// <summary>How long it waits, from how long it waited before and how long the machine ran then.</summary>
    internal static TimeSpan PauseAfter(TimeSpan former, TimeSpan life)
    {
        if (former == TimeSpan.Zero || life >= s_soon) return s_shortest;
        return former * 2 < s_longest ? former * 2 : s_longest;
    }
}
