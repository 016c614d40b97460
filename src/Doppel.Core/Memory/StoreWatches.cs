namespace Doppel.Core.Memory;

/// <summary>
/// Places in guest RAM whose stores the board wants to know about, such as the mailbox through which a bare-metal program talks to its
/// host. Engines send every store to a watched page through their slow path, so all other pages cost nothing.
/// Thread contract: <see cref="Add"/> before the machine runs; the rest from any vCPU thread.
/// </summary>
public sealed class StoreWatches
{
    private Watch[] _watches = [];

    /// <summary>True while nothing is watched.</summary>
    public bool IsEmpty => _watches.Length == 0;

    /// <summary>Watches a range.</summary>
    /// <param name="gpa">Guest-physical address.</param>
    /// <param name="length">Length in bytes.</param>
    /// <param name="stored">Called on the vCPU's thread after each store that touches the range, when memory holds the new value.</param>
    public void Add(ulong gpa, ulong length, Action stored) => _watches = [.. _watches, new Watch(gpa, length, stored)];

    /// <summary>True if stores to the page that holds an address must be reported.</summary>
    public bool CoversPage(ulong gpa)
    {
        foreach (Watch watch in _watches)
        {
            if (gpa >> SoftTlb.PageBits >= watch.Gpa >> SoftTlb.PageBits && gpa >> SoftTlb.PageBits <= (watch.Gpa + watch.Length - 1) >> SoftTlb.PageBits) return true;
        }
        return false;
    }

    /// <summary>Reports a store that has been done.</summary>
    public void Report(ulong gpa, ulong length)
    {
        foreach (Watch watch in _watches)
        {
            if (gpa < watch.Gpa + watch.Length && watch.Gpa < gpa + length) watch.Stored();
        }
    }

    private sealed record Watch(ulong Gpa, ulong Length, Action Stored);
}
