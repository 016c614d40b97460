namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>How often each cluster of a file is used; takes memory for what is used only. Thread contract: one thread at a time.</summary>
/// <param name="path">What to call the file in messages.</param>
/// <param name="mostPages">Most pages of counts: an image that was made to do harm may use one cluster of each.</param>
internal sealed class ClusterCounts(string path, int mostPages = ClusterCounts.MostPages)
{
    // Half a gigabyte; enough for an image of eight terabytes with clusters of the usual size.
    private const int PageBits = 10, MostPages = 1 << 17;

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
            if (!_pages.TryGetValue(cluster >> PageBits, out uint[]? page)) _pages.Add(cluster >> PageBits, page = NewPage());
            page[cluster & ((1 << PageBits) - 1)]++;
        }
        End = Math.Max(End, first + count);
    }

    private uint[] NewPage()
        => _pages.Count < mostPages
            ? new uint[1 << PageBits]
            : throw new DiskImageException($"{path} is too large to be checked, or its tables name clusters all over the place; restore the image "
                + "from a copy");
}
