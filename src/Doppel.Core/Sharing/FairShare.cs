namespace Doppel.Core.Sharing;

/// <summary>
/// Who of several machines may use how many processors now, so that in the long run each gets time in proportion to its weight, and none stays
/// unused while somebody wants it. It is stride scheduling: each machine has a virtual time, the processor time that it has used divided by its
/// weight. A machine that is ahead of the one that is most behind uses only what those behind leave. Thread contract: static, no state.
/// </summary>
internal static class FairShare
{
    /// <summary>Weight at which virtual time is processor time.</summary>
    internal const int UnitWeight = 100;

    /// <summary>How far ahead nobody minds: the host's own scheduler shares out that much as it likes.</summary>
    internal const long SlackNs = 10_000_000;

    /// <summary>Time that a machine of weight 100 which could not use its share may make up for later.</summary>
    private const long CreditNs = 500_000_000;

    /// <summary>Processors that each of several machines may use; <see cref="int.MaxValue"/> for as many as it likes.</summary>
    /// <param name="rivals">Those who compete for the same processors.</param>
    internal static IEnumerable<(int Seat, int Permits)> PermitsOf(IReadOnlyList<ProcessorClaim> rivals)
    {
        long first = rivals.Min(static c => c.VirtualNs);
        double free = rivals[0].Processors - rivals.Where(c => c.VirtualNs <= first + SlackNs).Sum(Reserve);
        foreach (ProcessorClaim claim in rivals.OrderBy(static c => c.VirtualNs).ThenBy(static c => c.Seat))
        {
            if (claim.VirtualNs <= first + SlackNs)
            {
                yield return (claim.Seat, int.MaxValue);
                continue;
            }
            double part = Math.Clamp(free, 0, claim.Demand);
            free -= part;
            // A quarter of a processor is not worth a vCPU that competes with those behind.
            yield return (claim.Seat, (int)Math.Ceiling(part - 0.25));
        }
    }

    /// <summary>The virtual time of a machine that begins to claim something, or goes on doing so.</summary>
    /// <param name="virtualNs">Its virtual time so far.</param>
    /// <param name="others">Claims of the others.</param>
    /// <param name="begins">True if it has claimed nothing for some time: what it has used before is forgotten, as is what it has not.</param>
    internal static long Place(long virtualNs, IReadOnlyList<ProcessorClaim> others, bool begins)
    {
        if (others.Count == 0) return virtualNs;
        long first = others.Min(static c => c.VirtualNs);
        if (begins) return Math.Clamp(virtualNs, first, first + SlackNs);
        // A machine of little weight takes large steps; nobody may lose his claim by such a step.
        int least = Math.Min(UnitWeight, others.Min(static c => c.Weight));
        return Math.Max(virtualNs, first - (CreditNs * UnitWeight / least));
    }

    /// <summary>Virtual time that goes with processor time.</summary>
    internal static long ToVirtual(long usedNs, int weight) => usedNs * UnitWeight / weight;

    // What a machine that is behind needs: all it could use, unless it uses so little, although nobody holds it, that something else must hinder it.
    private static double Reserve(ProcessorClaim claim) => Math.Min(claim.Demand, (3 * claim.Use) + 0.25);
}
