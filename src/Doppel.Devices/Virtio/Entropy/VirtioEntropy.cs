using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Entropy;

/// <summary>
/// The entropy device (virtio 1.2, section 5.4). Requests are served on the vCPU thread that notifies: the source does not block.
/// Thread contract: as <see cref="IVirtioDevice"/>; the queue's lock guards everything.
/// </summary>
public sealed class VirtioEntropy : IVirtioDevice
{
    // A driver may offer gigabytes in one request, all of them the same few pages; a device may use less than it is given (section 5.4.6.1).
    private const int MaxRequest = 64 << 10;

    private readonly EntropySource _source;
    private IVirtioTransport? _transport;
    private VirtQueueChain? _chain;

    /// <summary>Creates the device.</summary>
    /// <param name="source">Where the bytes come from, see <see cref="EntropySources"/>.</param>
    public VirtioEntropy(EntropySource source) => _source = source;

    /// <inheritdoc/>
    public uint DeviceId => 4;

    /// <inheritdoc/>
    public ulong Features => 0;

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; } = [64];

    /// <inheritdoc/>
    public uint ConfigGeneration => 0;

    /// <inheritdoc/>
    public void Attach(IVirtioTransport transport)
    {
        _transport = transport;
        _chain = new VirtQueueChain(transport.Memory);
    }

    /// <inheritdoc/>
    public void ReadConfig(uint offset, Span<byte> data) => data.Clear();

    /// <inheritdoc/>
    public void WriteConfig(uint offset, ReadOnlySpan<byte> data)
    {
    }

    /// <inheritdoc/>
    public void Activate(ulong features)
    {
    }

    /// <inheritdoc/>
    public void Notify(int queue)
    {
        if (_transport is null || _chain is null) return;
        VirtQueue requests = _transport.Queues[0];
        bool signal = false;
        lock (requests.Gate)
        {
            do
            {
                while (requests.TryPop(_chain)) requests.Push(_chain, Fill(_chain));
            }
            while (!requests.EnableNotifications());
            signal = requests.NeedsSignal();
        }
        if (signal) _transport.SignalQueue(0);
    }

    /// <inheritdoc/>
    public void Reset()
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private uint Fill(VirtQueueChain chain)
    {
        uint done = 0;
        while (done < MaxRequest && chain.TryGetWritable(done, MaxRequest - (int)done, out Span<byte> span))
        {
            _source(span);
            done += (uint)span.Length;
        }
        return done;
    }
}
