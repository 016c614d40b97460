using System.Buffers.Binary;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Net;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Net;

/// <summary>
/// The network device (virtio 1.2, section 5.1; section numbers here are that document's). In real time the guest's frames leave on a thread
/// of the device's own, and the back end's arrive on its thread; in deterministic time frames leave inside the notification, and arrive as
/// events of the machine's time.
/// Thread contract: as <see cref="IVirtioDevice"/> and <see cref="INetReceiver"/>. One lock guards state and receiving; it is taken before
/// the lock of a receive queue and after that of the control queue, and never while a transmit queue's is held.
/// </summary>
public sealed class VirtioNet : IVirtioDevice, INetReceiver
{
    /// <summary>Most pairs of queues.</summary>
    public const int MaxQueuePairs = 64;

    private const ushort QueueSize = 256, ControlQueueSize = 64;
    private const ushort LinkUp = 1;
    private const int ConfigLength = 12;

    private readonly Lock _gate = new();
    private readonly INetBackend _backend;
    private readonly MachineTime _time;
    private readonly NetTransmit _transmit;
    private readonly NetInbox? _inbox;
    private readonly MacAddress _mac;
    private readonly int _pairs;
    private readonly DeviceWorker? _worker;
    private IVirtioTransport? _transport;
    private NetReceive? _receive;
    private VirtQueueChain? _command;
    private VirtioNetState _state;
    private NetControl _control;
    private uint _generation;
    private int _starved;
    private int _readyWanted;
    private bool _isHeld;
    private bool _disposed;

    /// <summary>Creates the device and attaches it to its back end.</summary>
    /// <param name="backend">Where frames go; owned by the caller.</param>
    /// <param name="mac">Address of the guest.</param>
    /// <param name="queuePairs">Pairs of queues, 1 to <see cref="MaxQueuePairs"/>.</param>
    /// <param name="time">Tells whether runs must repeat; the door for frames where they must.</param>
    /// <param name="log">Receives one line when the driver sends what is no frame.</param>
    public VirtioNet(INetBackend backend, MacAddress mac, int queuePairs, MachineTime time, Action<string> log)
    {
        _backend = backend;
        _mac = mac;
        _pairs = queuePairs;
        _time = time;
        _state = new VirtioNetState { Mac = mac };
        _control = new NetControl(_state, queuePairs);
        _transmit = new NetTransmit(backend, log);
        ushort[] sizes = new ushort[(2 * queuePairs) + 1];
        Array.Fill(sizes, QueueSize);
        sizes[^1] = ControlQueueSize;
        QueueSizes = sizes;
        if (time.IsDeterministic) _inbox = new NetInbox();
        backend.Attach(this);
        if (!time.IsDeterministic) _worker = new DeviceWorker("doppel-net", Serve);
    }

    /// <inheritdoc/>
    public uint DeviceId => 1;

    /// <inheritdoc/>
    public ulong Features => NetFeatures.Offered(_backend.Capabilities, _pairs);

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; }

    /// <inheritdoc/>
    public uint ConfigGeneration => Volatile.Read(ref _generation);

    /// <summary>A copy of the state.</summary>
    public VirtioNetState State
    {
        get
        {
            lock (_gate) return _state with { };
        }
    }

    /// <inheritdoc/>
    public NetCapabilities Capabilities
    {
        get
        {
            lock (_gate) return NetFeatures.GuestTakes(_state.Active ? _state.GuestOffloads : 0, _backend.Capabilities.Mtu);
        }
    }

    // Section 5.1.2: the control queue stands behind the queues that the driver knows of.
    private int ControlQueue => (_state.Features & NetFeatures.MultiQueue) != 0 ? 2 * _pairs : 2;

    /// <inheritdoc/>
    public void Attach(IVirtioTransport transport)
    {
        _transport = transport;
        _receive = new NetReceive(transport.Memory);
        _command = new VirtQueueChain(transport.Memory);
        _transmit.Attach(transport);
    }

    /// <inheritdoc/>
    public void ReadConfig(uint offset, Span<byte> data)
    {
        Span<byte> config = stackalloc byte[ConfigLength];
        lock (_gate) _state.Mac.Write(config);
        BinaryPrimitives.WriteUInt16LittleEndian(config[6..], LinkUp);
        BinaryPrimitives.WriteUInt16LittleEndian(config[8..], (ushort)_pairs);
        BinaryPrimitives.WriteUInt16LittleEndian(config[10..], (ushort)_backend.Capabilities.Mtu);
        ConfigSpace.Read(config, offset, data);
    }

    /// <inheritdoc/>
    public void WriteConfig(uint offset, ReadOnlySpan<byte> data)
    {
        // Section 5.1.4: the address is set through the control queue.
    }

    /// <inheritdoc/>
    public void Activate(ulong features)
    {
        lock (_gate)
        {
            _state.Features = features;
            _state.GuestOffloads = features & NetFeatures.GuestOffloads;
            _state.Active = true;
        }
        _transmit.Start(features, (features & NetFeatures.MultiQueue) != 0 ? _pairs : 1);
        _backend.ReceiverChanged();
        WantReady();
    }

    /// <inheritdoc/>
    public void Notify(int queue)
    {
        bool isControl;
        lock (_gate) isControl = _state.Active && queue == ControlQueue;
        if (isControl) ServeControl();
        else if (queue % 2 == 0) BuffersCame();
        else if (_worker is null) Serve();
        else _worker.Raise();
    }

    // Where runs must repeat, frames wait for the guest's time anyway.
    /// <inheritdoc/>
    public void Quiesce()
    {
        if (_worker is null) return;
        lock (_gate) _isHeld = true;
        _worker.Quiesce();
    }

    /// <inheritdoc/>
    public void Resume()
    {
        lock (_gate)
        {
            if (!_isHeld) return;
            _isHeld = false;
        }
        WantReady();
    }

    /// <inheritdoc/>
    public void Reset()
    {
        _transmit.Stop();
        lock (_gate)
        {
            _state = new VirtioNetState { Mac = _mac };
            _control = new NetControl(_state, _pairs);
            _generation++;
        }
        _inbox?.Clear();
        _backend.ReceiverChanged();
    }

    /// <inheritdoc/>
    public bool TryReceive(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        if (_inbox is null) return TryDeliver(frame, offload);
        if (!_inbox.TryAdd(frame, offload, out bool isFirst)) return false;
        if (isFirst) _time.Post(Drain);
        return true;
    }

    /// <summary>Ends the thread after the frame at hand.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _transmit.Stop();
        lock (_gate) _state.Active = false;
        _worker?.Dispose();
    }

    private void Serve()
    {
        if (Interlocked.Exchange(ref _readyWanted, 0) != 0) _backend.ReceiveReady();
        _transmit.Serve();
    }

    private void WantReady()
    {
        Volatile.Write(ref _readyWanted, 1);
        if (_worker is null) Serve();
        else _worker.Raise();
    }

    private void BuffersCame()
    {
        if (Interlocked.Exchange(ref _starved, 0) == 0) return;
        if (_inbox is null) WantReady();
        else Drain();
    }

    // Frames that wait for the guest's time go first, in order; what the back end held back follows.
    private void Drain()
    {
        while (_inbox!.TryPeek(out NetInboxFrame waiting) && TryDeliver(waiting.Bytes, waiting.Offload)) _inbox.Remove();
        if (_inbox.TakeRefused()) _backend.ReceiveReady();
    }

    private bool TryDeliver(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        int index;
        lock (_gate)
        {
            if (_isHeld) return false;
            if (!_state.Active || frame.Length is < VnetHeader.MinFrame or > VnetHeader.MaxFrame) return true;
            NetCapabilities takes = NetFeatures.GuestTakes(_state.GuestOffloads, NetCapabilities.EthernetMtu);
            if (!takes.Takes(offload) || !NetFilter.Passes(_state, frame)) return true;
            index = _state.QueuePairs == 1 ? 0 : 2 * _transmit.Steering.Choose(frame, _state.QueuePairs);
            VirtQueue queue = _transport!.Queues[index];
            lock (queue.Gate)
            {
                if (!TryFill(queue, frame, takes.Checksum ? offload : offload with { ChecksumValid = false })) return false;
                if (!queue.NeedsSignal()) return true;
            }
        }
        _transport.SignalQueue(index);
        return true;
    }

    private bool TryFill(VirtQueue queue, ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        bool merge = (_state.Features & NetFeatures.MergeBuffers) != 0;
        while (true)
        {
            int known = _receive!.TryFill(queue, frame, offload, merge);
            if (known < 0) return true;
            // Before the driver is asked to notify, or its notification could find nobody waiting.
            Volatile.Write(ref _starved, 1);
            if (queue.EnableNotifications(known)) return false;
        }
    }

    private void ServeControl()
    {
        int index;
        lock (_gate) index = ControlQueue;
        VirtQueue queue = _transport!.Queues[index];
        bool signal;
        lock (queue.Gate)
        {
            do
            {
                while (queue.TryPop(_command!))
                {
                    if (Execute() is { } written) queue.Push(_command!, written);
                    else queue.Fail("a command has no header or no place for its answer");
                }
            }
            while (!queue.EnableNotifications());
            signal = queue.NeedsSignal();
        }
        if (signal) _transport.SignalQueue(index);
        _backend.ReceiverChanged();
    }

    private uint? Execute()
    {
        lock (_gate)
        {
            MacAddress before = _state.Mac;
            uint? written = _control.Execute(_command!);
            if (_state.Mac != before) _generation++;
            return written;
        }
    }
}
