using System.Buffers.Binary;
using Doppel.Core.Bus;
using Doppel.Core.Memory;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Transport;

/// <summary>
/// Virtio over MMIO, version 2 (virtio 1.2, section 4.2; section numbers here are that document's). No legacy interface.
/// Thread contract: all members from any thread. One lock guards registers and is held during the device's Activate and Reset; a second,
/// inner one guards the interrupt, so that a device may signal while it is being reset.
/// </summary>
public sealed class VirtioMmioTransport : IMmioDevice, IVirtioTransport
{
    /// <summary>Bytes of the register window; take it on the bus with accesses of one to four bytes.</summary>
    public const ulong WindowSize = 0x1000;

    /// <summary>Compatible string of the device-tree node.</summary>
    public const string Compatible = "virtio,mmio";

    internal const uint Magic = 0x7472_6976, Version = 2, VendorId = 0x4C50_5044;
    internal const ulong ConfigBase = 0x100;

    private const uint Acknowledge = 1, Driver = 2, DriverOk = 4, FeaturesOk = 8, NeedsReset = 64, Failed = 128;
    private const uint DriverBits = Acknowledge | Driver | DriverOk | FeaturesOk | Failed;
    private const uint InterruptQueue = 1, InterruptConfig = 2;

    private readonly Lock _gate = new();
    private readonly Lock _interruptGate = new();
    private readonly IVirtioDevice _device;
    private readonly IrqLine _irq;
    private readonly Action<string> _log;
    private readonly VirtQueue[] _queues;
    private VirtioMmioState _state;

    /// <summary>Creates the transport and attaches the device to it.</summary>
    /// <param name="device">The device; owned by the caller.</param>
    /// <param name="irq">Its interrupt.</param>
    /// <param name="memory">Guest memory.</param>
    /// <param name="log">Receives one line when a driver breaks the rules so that the device needs a reset.</param>
    public VirtioMmioTransport(IVirtioDevice device, IrqLine irq, GuestMemory memory, Action<string> log)
    {
        _device = device;
        _irq = irq;
        _log = log;
        Memory = memory;
        _queues = [.. device.QueueSizes.Select((size, i) => new VirtQueue(memory, size, reason => Fail(i, reason)))];
        device.Attach(this);
    }

    /// <inheritdoc/>
    public GuestMemory Memory { get; }

    /// <inheritdoc/>
    public IReadOnlyList<VirtQueue> Queues => _queues;

    /// <summary>A copy of the registers' state.</summary>
    public VirtioMmioState State
    {
        get
        {
            lock (_gate)
            {
                lock (_interruptGate) return _state;
            }
        }
    }

    private ulong OfferedFeatures =>
        _device.Features | VirtioFeatures.Version1 | VirtioFeatures.IndirectDescriptors | VirtioFeatures.EventIndex | VirtioFeatures.RingReset;

    private bool IsLive
    {
        get
        {
            lock (_interruptGate) return (_state.Status & DriverOk) != 0 && !_state.NeedsReset;
        }
    }

    /// <summary>The board's reset.</summary>
    public void Reset()
    {
        lock (_gate) ResetAll();
    }

    /// <inheritdoc/>
    public void SignalQueue(int queue) => Raise(InterruptQueue);

    /// <inheritdoc/>
    public void SignalConfigChange() => Raise(InterruptConfig);

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        data.Clear();
        if (offset >= ConfigBase)
        {
            _device.ReadConfig((uint)(offset - ConfigBase), data);
            return;
        }
        // Section 4.2.2.2: control registers are taken only whole.
        if (data.Length != 4) return;
        lock (_gate) BinaryPrimitives.WriteUInt32LittleEndian(data, ReadRegister((MmioRegister)offset));
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        if (offset >= ConfigBase)
        {
            _device.WriteConfig((uint)(offset - ConfigBase), data);
            return;
        }
        if (data.Length != 4) return;
        uint value = BinaryPrimitives.ReadUInt32LittleEndian(data);
        switch ((MmioRegister)offset)
        {
            // Devices do their work in here, so the registers' lock is not held.
            case MmioRegister.QueueNotify:
                if (value < (uint)_queues.Length && IsLive) _device.Notify((int)value);
                break;
            case MmioRegister.InterruptAck:
                Acknowledged(value);
                break;
            default:
                lock (_gate) WriteRegister((MmioRegister)offset, value);
                break;
        }
    }

    private uint ReadRegister(MmioRegister register) => register switch
    {
        MmioRegister.Magic => Magic,
        MmioRegister.Version => Version,
        MmioRegister.DeviceId => _device.DeviceId,
        MmioRegister.VendorId => VendorId,
        MmioRegister.DeviceFeatures => _state.DeviceFeaturesSelect < 2 ? (uint)(OfferedFeatures >> (32 * (int)_state.DeviceFeaturesSelect)) : 0,
        MmioRegister.QueueNumMax => SelectedQueue?.MaxSize ?? 0,
        MmioRegister.QueueReady => SelectedQueue is { State.Ready: true } ? 1u : 0,
        MmioRegister.InterruptStatus => ReadInterruptStatus(),
        MmioRegister.Status => ReadStatus(),
        // Section 4.2.2: a shared memory region that does not exist has a length of all ones; none exists.
        MmioRegister.ShmLengthLow or MmioRegister.ShmLengthHigh or MmioRegister.ShmBaseLow or MmioRegister.ShmBaseHigh => uint.MaxValue,
        MmioRegister.ConfigGeneration => _device.ConfigGeneration,
        // A queue's reset is finished before its write returns, so QueueReset reads as zero, as does all else.
        _ => 0,
    };

    private VirtQueue? SelectedQueue => _state.QueueSelect < (uint)_queues.Length ? _queues[_state.QueueSelect] : null;

    private void WriteRegister(MmioRegister register, uint value)
    {
        switch (register)
        {
            case MmioRegister.DeviceFeaturesSelect: _state.DeviceFeaturesSelect = value; break;
            case MmioRegister.DriverFeaturesSelect: _state.DriverFeaturesSelect = value; break;
            case MmioRegister.DriverFeatures: WriteDriverFeatures(value); break;
            case MmioRegister.QueueSelect: _state.QueueSelect = value; break;
            case MmioRegister.Status: WriteStatus(value); break;
            default:
                if (SelectedQueue is { } queue) WriteQueueRegister(queue, register, value);
                break;
        }
    }

    private void WriteDriverFeatures(uint value)
    {
        // Section 3.1.1: the choice ends when FEATURES_OK is set.
        if (_state.DriverFeaturesSelect > 1 || (_state.Status & FeaturesOk) != 0) return;
        int shift = 32 * (int)_state.DriverFeaturesSelect;
        _state.DriverFeatures = (_state.DriverFeatures & ~(0xFFFF_FFFFUL << shift)) | ((ulong)value << shift);
    }

    private void WriteQueueRegister(VirtQueue queue, MmioRegister register, uint value)
    {
        ref VirtQueueState state = ref queue.State;
        if (register == MmioRegister.QueueReady)
        {
            SetReady(queue, value);
            return;
        }
        if (register == MmioRegister.QueueReset)
        {
            // Section 2.6.1.
            if (value == 1 && (_state.DriverFeatures & VirtioFeatures.RingReset) != 0) Stop(queue);
            return;
        }
        // Section 4.2.2.2: nothing of a queue changes while it is ready.
        if (state.Ready) return;
        switch (register)
        {
            case MmioRegister.QueueNum: state.Size = IsValidSize(queue, value) ? (ushort)value : (ushort)0; break;
            case MmioRegister.QueueDescLow: SetLow(ref state.DescriptorTable, value); break;
            case MmioRegister.QueueDescHigh: SetHigh(ref state.DescriptorTable, value); break;
            case MmioRegister.QueueDriverLow: SetLow(ref state.AvailableRing, value); break;
            case MmioRegister.QueueDriverHigh: SetHigh(ref state.AvailableRing, value); break;
            case MmioRegister.QueueDeviceLow: SetLow(ref state.UsedRing, value); break;
            case MmioRegister.QueueDeviceHigh: SetHigh(ref state.UsedRing, value); break;
        }
    }

    private static bool IsValidSize(VirtQueue queue, uint value) => value != 0 && value <= queue.MaxSize && (value & (value - 1)) == 0;

    private static void SetLow(ref ulong address, uint value) => address = (address & ~0xFFFF_FFFFUL) | value;

    private static void SetHigh(ref ulong address, uint value) => address = (uint)address | ((ulong)value << 32);

    private void SetReady(VirtQueue queue, uint value)
    {
        if (value == 0 && queue.State.Ready) Stop(queue);
        // A queue without a valid size can not run; the driver reads back that it does not. Addresses are checked at each use.
        if (value != 1 || queue.State.Size == 0 || queue.State.Ready) return;
        lock (queue.Gate)
        {
            queue.SetFeatures(_state.DriverFeatures);
            queue.State.Ready = true;
        }
        if (IsLive) _device.Notify(Array.IndexOf(_queues, queue));
    }

    // When this returns, the device touches neither the queue any more nor the buffers of its requests.
    private void Stop(VirtQueue queue)
    {
        lock (queue.Gate) queue.State.Ready = false;
        _device.DrainQueue(Array.IndexOf(_queues, queue));
        lock (queue.Gate) queue.Reset();
    }

    private void WriteStatus(uint value)
    {
        if (value == 0)
        {
            ResetAll();
            return;
        }
        // Section 2.1.1: a driver sets bits and never clears one, except by reset; NEEDS_RESET is the device's alone.
        uint status = _state.Status | (value & DriverBits);
        bool negotiates = (status & ~_state.Status & FeaturesOk) != 0;
        if (negotiates && !AreFeaturesAcceptable()) status &= ~FeaturesOk;
        if ((status & FeaturesOk) == 0) status &= ~DriverOk;
        bool starts = (status & ~_state.Status & DriverOk) != 0;
        lock (_interruptGate) _state.Status = status;
        if (!starts) return;
        _device.Activate(_state.DriverFeatures);
        for (int i = 0; i < _queues.Length; i++) _device.Notify(i);
    }

    // Section 6.1: a device may refuse a driver that does not accept VERSION_1; section 2.2: one that takes what was not offered.
    private bool AreFeaturesAcceptable() =>
        (_state.DriverFeatures & ~OfferedFeatures) == 0 && (_state.DriverFeatures & VirtioFeatures.Version1) != 0;

    private void ResetAll()
    {
        // First of all, so that neither notifications nor signals get through any more.
        lock (_interruptGate) _state.Status = 0;
        _device.Reset();
        foreach (VirtQueue queue in _queues) Stop(queue);
        lock (_interruptGate)
        {
            _state = default;
            _irq.Set(false);
        }
    }

    private uint ReadStatus()
    {
        lock (_interruptGate) return _state.Status | (_state.NeedsReset ? NeedsReset : 0);
    }

    private uint ReadInterruptStatus()
    {
        lock (_interruptGate) return _state.InterruptStatus;
    }

    private void Acknowledged(uint value)
    {
        lock (_interruptGate)
        {
            _state.InterruptStatus &= ~value;
            _irq.Set(_state.InterruptStatus != 0);
        }
    }

    // Section 3.1.1: no notification before DRIVER_OK.
    private void Raise(uint cause)
    {
        lock (_interruptGate)
        {
            if ((_state.Status & DriverOk) == 0) return;
            _state.InterruptStatus |= cause;
            _irq.Set(true);
        }
    }

    // Section 2.1.2: an error state is announced as a change of configuration.
    private void Fail(int queue, string reason)
    {
        lock (_interruptGate)
        {
            if (_state.NeedsReset) return;
            _state.NeedsReset = true;
        }
        _log($"virtio device {_device.DeviceId}, queue {queue}: {reason}; the device needs a reset");
        Raise(InterruptConfig);
    }
}
