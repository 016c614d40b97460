namespace Doppel.IsaTests.Common;

/// <summary>A small seeded generator (SplitMix64): the same seed gives the same stream on every machine and .NET version.</summary>
internal sealed class Rng(ulong seed)
{
    private ulong _state = seed;

    internal ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A number from zero to below a limit.</summary>
    internal int Below(int limit) => (int)(Next() % (ulong)limit);

    /// <summary>A number between two limits, both included.</summary>
    internal long Between(long low, long high) => low + (long)(Next() % (ulong)(high - low + 1));

    internal bool Chance(int percent) => Below(100) < percent;

    internal T Pick<T>(IReadOnlyList<T> from) => from[Below(from.Count)];

    /// <summary>An independent generator, so that one consumer's draws do not move another's.</summary>
    internal Rng Fork() => new(Next());
}
