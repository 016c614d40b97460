namespace Doppel.Devices.Backends.Net.User.Link;

/// <summary>
/// The memory of all streams of one back end, in pages, so that a guest that opens thousands of connections and reads none of them can not
/// take more than this. Thread contract: the event loop's thread.
/// </summary>
/// <param name="limit">Most pages in use at once.</param>
internal sealed class PagePool(int limit)
{
    internal const int PageSize = 32 << 10;
    private const int MostKept = 256;

    private readonly Stack<byte[]> _free = new();

    internal int InUse { get; private set; }

    /// <summary>True while less than half is used: then connections may offer large windows.</summary>
    internal bool IsAmple => InUse < limit / 2;

    internal byte[]? TryRent()
    {
        if (InUse >= limit) return null;
        InUse++;
        return _free.TryPop(out byte[]? page) ? page : GC.AllocateUninitializedArray<byte>(PageSize);
    }

    internal void Return(byte[] page)
    {
        InUse--;
        if (_free.Count < MostKept) _free.Push(page);
    }
}
