using Doppel.Core.Time;
using Doppel.Devices.Backends.Block;

namespace Doppel.Devices.Virtio.Block;

/// <summary>All state of a <see cref="VirtioBlock"/> that is neither in its queue nor on its disk: plain data.</summary>
public struct VirtioBlockState
{
    /// <summary>Feature bits that the driver chose.</summary>
    public ulong Features;

    /// <summary>Writes need not be stable before the next flush (section 5.2.4, writeback).</summary>
    public bool Writeback;
}

/// <summary>
/// The block device (virtio 1.2, section 5.2): one disk. Requests are executed by a <see cref="BlockDispatcher"/>, several at once where the back
/// end allows it. Thread contract: as <see cref="IVirtioDevice"/>.
/// </summary>
public sealed class VirtioBlock : IVirtioDevice
{
    private const ulong SizeMax = 1 << 1, SegMax = 1 << 2, ReadOnly = 1 << 5, BlockSize = 1 << 6, FlushFeature = 1 << 9;
    private const ulong Topology = 1 << 10, ConfigWce = 1 << 11, MultiQueue = 1 << 12, Discard = 1 << 13, WriteZeroes = 1 << 14;

    private readonly IBlockBackend _backend;
    private readonly VirtioBlockOptions _options;
    private readonly BlockExecutor _executor;
    private readonly BlockDispatcher _dispatcher;
    private readonly Lock _configGate = new();
    private VirtioBlockState _state;

    /// <summary>Creates the device.</summary>
    /// <param name="backend">The disk's contents; owned by the caller.</param>
    /// <param name="options">How it is set up.</param>
    /// <param name="counters">Counts what it does; may have counted before.</param>
    /// <param name="time">Tells whether runs must repeat, and when requests that were held back may start.</param>
    /// <param name="log">Receives one line when the host fails to read or write.</param>
    public VirtioBlock(IBlockBackend backend, VirtioBlockOptions options, BlockCounters counters, MachineTime time, Action<string> log)
    {
        _backend = backend;
        _options = options;
        _executor = new BlockExecutor(backend, options, counters, log) { WriteThrough = options.WriteThrough };
        _dispatcher = new BlockDispatcher(_executor, options, backend.IsConcurrent, time);
        _state.Writeback = !options.WriteThrough;
        QueueSizes = [.. Enumerable.Repeat(BlockConfig.QueueSize, options.Queues)];
    }

    /// <summary>A copy of the state.</summary>
    public VirtioBlockState State
    {
        get
        {
            lock (_configGate) return _state;
        }
    }

    /// <inheritdoc/>
    public uint DeviceId => 2;

    // Section 5.2.5.2: a driver that is offered neither FLUSH nor CONFIG_WCE takes every write for stable.
    /// <inheritdoc/>
    public ulong Features => SizeMax | SegMax | BlockSize | Topology
        | (_options.WriteThrough ? 0 : FlushFeature | ConfigWce)
        | (_options.Queues > 1 ? MultiQueue : 0)
        | (_backend.IsReadOnly ? ReadOnly : WriteZeroes | (_options.IgnoreDiscard ? 0 : Discard));

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; }

    /// <inheritdoc/>
    public uint ConfigGeneration => 0;

    /// <inheritdoc/>
    public void Attach(IVirtioTransport transport) => _dispatcher.Attach(transport);

    /// <inheritdoc/>
    public void ReadConfig(uint offset, Span<byte> data)
    {
        Span<byte> config = stackalloc byte[BlockConfig.Length];
        lock (_configGate) BlockConfig.Fill(config, _executor.Sectors, _state.Writeback, _options, _backend.Limits);
        ConfigSpace.Read(config, offset, data);
    }

    /// <inheritdoc/>
    public void WriteConfig(uint offset, ReadOnlySpan<byte> data)
    {
        if (offset != BlockConfig.WritebackOffset || data.Length != 1) return;
        lock (_configGate)
        {
            // Section 5.2.5: writable only where CONFIG_WCE was agreed on.
            if ((_state.Features & ConfigWce) == 0) return;
            _state.Writeback = (data[0] & 1) != 0;
            _executor.WriteThrough = !_state.Writeback;
        }
    }

    /// <inheritdoc/>
    public void Activate(ulong features)
    {
        lock (_configGate)
        {
            _state.Features = features;
            // Section 5.2.6.2: without FLUSH the driver can not ask for stability, so each write has it.
            _state.Writeback = (features & FlushFeature) != 0;
            _executor.WriteThrough = !_state.Writeback;
        }
    }

    /// <inheritdoc/>
    public void Notify(int queue) => _dispatcher.Notify();

    /// <inheritdoc/>
    public void DrainQueue(int queue) => _dispatcher.Drain(queue);

    /// <inheritdoc/>
    public void Quiesce() => _dispatcher.Quiesce();

    /// <inheritdoc/>
    public void Reset()
    {
        lock (_configGate) _state = new VirtioBlockState { Writeback = !_options.WriteThrough };
    }

    /// <summary>Ends the threads after the requests at hand.</summary>
    public void Dispose() => _dispatcher.Dispose();
}
