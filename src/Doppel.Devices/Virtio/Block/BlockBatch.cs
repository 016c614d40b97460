using Doppel.Core.Time;

namespace Doppel.Devices.Virtio.Block;

/// <summary>Finished requests of which the driver does not know yet. Thread contract: a value of one thread.</summary>
internal struct BlockBatch
{
    private BlockRequest? _last;

    internal BlockRequest? First { get; private set; }

    internal int Count { get; private set; }

    /// <summary>When the first of them ended, on the host's clock.</summary>
    internal long SinceNs { get; private set; }

    internal void Add(BlockRequest request)
    {
        if (_last is null) First = request;
        else _last.Next = request;
        _last = request;
        if (Count++ == 0) SinceNs = HostClock.NowNs;
    }
}
