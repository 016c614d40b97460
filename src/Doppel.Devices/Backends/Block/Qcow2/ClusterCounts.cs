namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>How often each cluster of a file is used; takes memory for what is used only. Thread contract: one thread at a time.</summary>
internal sealed class ClusterCounts
{
    private const int PageBits = 12;

    private readonly SortedDictionary<long, uint[]> _pages = [];

    /// <summary>First cluster behind all that are used.</summary>
    internal long End { get; private set; }

    internal uint this[long cluster]
        => _pages.TryGetValue(cluster >> PageBits, out uint[]? page) ? page[cluster & ((1 << PageBits) - 1)] : 0;

    /// <summary>All clusters that are used, in order, each with its count.</summary>
    internal IEnumerable<(long Cluster, uint Count)> Used
        => from page in _pages
           from index in Enumerable.Range(0, 1 << PageBits)
           where page.Value[index] != 0
           select ((page.Key << PageBits) + index, page.Value[index]);

    internal void Add(long first, long count)
    {
        for (long cluster = first; cluster < first + count; cluster++)
        {
            if (!_pages.TryGetValue(cluster >> PageBits, out uint[]? page)) _pages.Add(cluster >> PageBits, page = new uint[1 << PageBits]);
            page[cluster & ((1 << PageBits) - 1)]++;
        }
        End = Math.Max(End, first + count);
    }
}
