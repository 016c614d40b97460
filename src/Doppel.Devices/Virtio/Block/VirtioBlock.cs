using Doppel.Core.Execution;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Block;
using Doppel.Devices.Virtio.Queue;

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
/// The block device (virtio 1.2, section 5.2): one disk. In real time its requests run on a thread of its own; in deterministic time
/// they run inside the notification, so that they take no time that depends on the host.
/// Thread contract: as <see cref="IVirtioDevice"/>; requests run one after the other under the queue's lock.
/// </summary>
public sealed class VirtioBlock : IVirtioDevice
{
    private const ulong SizeMax = 1 << 1, SegMax = 1 << 2, ReadOnly = 1 << 5, BlockSize = 1 << 6, FlushFeature = 1 << 9;
    private const ulong Topology = 1 << 10, ConfigWce = 1 << 11, Discard = 1 << 13, WriteZeroes = 1 << 14;

    private readonly IBlockBackend _backend;
    private readonly BlockRequests _requests;
    private readonly Lock _configGate = new();
    private readonly VcpuSignal? _work;
    private readonly Thread? _worker;
    private IVirtioTransport? _transport;
    private VirtQueueChain? _chain;
    private VirtioBlockState _state = new() { Writeback = true };
    private volatile bool _stopping;
    private bool _disposed;

    /// <summary>Creates the device.</summary>
    /// <param name="backend">The disk's contents; owned by the caller.</param>
    /// <param name="serial">What the guest shows as the disk's serial number; 20 ASCII characters at most.</param>
    /// <param name="time">Tells whether runs must repeat.</param>
    /// <param name="log">Receives one line when the host fails to read or write.</param>
    public VirtioBlock(IBlockBackend backend, string serial, MachineTime time, Action<string> log)
    {
        _backend = backend;
        _requests = new BlockRequests(backend, serial, log);
        if (time.IsDeterministic) return;
        _work = new VcpuSignal();
        _worker = new Thread(Work, maxStackSize: 256 << 10) { IsBackground = true, Name = $"doppel-disk-{serial}" };
        _worker.Start();
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

    /// <inheritdoc/>
    public ulong Features => SizeMax | SegMax | BlockSize | FlushFeature | Topology | ConfigWce
        | (_backend.IsReadOnly ? ReadOnly : Discard | WriteZeroes);

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; } = [BlockConfig.QueueSize];

    /// <inheritdoc/>
    public uint ConfigGeneration => 0;

    /// <inheritdoc/>
    public void Attach(IVirtioTransport transport)
    {
        _chain = new VirtQueueChain(transport.Memory);
        _transport = transport;
    }

    /// <inheritdoc/>
    public void ReadConfig(uint offset, Span<byte> data)
    {
        Span<byte> config = stackalloc byte[BlockConfig.Length];
        lock (_configGate) BlockConfig.Fill(config, _requests.Sectors, _state.Writeback);
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
            UpdateWriteThrough();
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
            UpdateWriteThrough();
        }
    }

    /// <inheritdoc/>
    public void Notify(int queue)
    {
        if (_work is null) Serve();
        else _work.Raise();
    }

    /// <inheritdoc/>
    public void Reset()
    {
        lock (_configGate)
        {
            _state = new VirtioBlockState { Writeback = true };
        }
    }

    /// <summary>Ends the thread after the request at hand.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _stopping = true;
        _work?.Raise();
        _worker?.Join();
        _work?.Dispose();
    }

    private void UpdateWriteThrough() => _requests.WriteThrough = !_state.Writeback;

    private void Work()
    {
        while (true)
        {
            _work!.Wait();
            if (_stopping) return;
            Serve();
        }
    }

    private void Serve()
    {
        VirtQueue queue = _transport!.Queues[0];
        do
        {
            lock (queue.Gate) queue.DisableNotifications();
            while (!_stopping && ServeOne(queue))
            {
                // The lock is free between requests, so that a reset gets in.
            }
        }
        while (!_stopping && !EnableNotifications(queue));
    }

    private bool ServeOne(VirtQueue queue)
    {
        bool signal;
        lock (queue.Gate)
        {
            if (!queue.TryPop(_chain!)) return false;
            if (_requests.Execute(_chain!) is not { } written) return queue.Fail("a request has no header or no status");
            queue.Push(_chain!, written);
            signal = queue.NeedsSignal();
        }
        if (signal) _transport!.SignalQueue(0);
        return true;
    }

    private static bool EnableNotifications(VirtQueue queue)
    {
        lock (queue.Gate) return queue.EnableNotifications();
    }
}
