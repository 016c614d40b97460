using System.Buffers.Binary;
using Doppel.Core.Time;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Console;

/// <summary>
/// The console device (virtio 1.2, section 5.3) with several ports: terminals and pipes between host and guest.
/// Thread contract: as <see cref="IVirtioDevice"/>; one lock guards everything. It is held while back ends are asked, not while waiting for
/// them (except in deterministic time, where waiting must not be visible to the guest).
/// </summary>
public sealed class VirtioConsole : IVirtioDevice
{
    private const ulong SizeFeature = 1, Multiport = 2, EmergencyWrite = 4;
    private const int ConfigLength = 12, EmergencyOffset = 8;
    private const int ControlReceive = 2, ControlTransmit = 3;

    private readonly Lock _gate = new();
    private readonly MachineTime _time;
    private readonly IReadOnlyList<ConsolePort> _ports;
    private PortChannel[] _channels = [];
    private IVirtioTransport? _transport;
    private VirtQueueChain? _control;
    private ConsoleSize _size;
    private uint _generation;
    private ulong _features;
    private bool _active;

    /// <summary>Creates the device.</summary>
    /// <param name="ports">Its ports; the first is the only one that a driver without multiport support sees.</param>
    /// <param name="size">Size of the terminals at first.</param>
    /// <param name="time">The door for input.</param>
    /// <exception cref="ArgumentException">There is no port, or a name is longer than 200 characters.</exception>
    public VirtioConsole(IReadOnlyList<ConsolePort> ports, ConsoleSize size, MachineTime time)
    {
        if (ports.Count == 0 || ports.Any(p => p.Name.Length > 200)) throw new ArgumentException("A console needs ports with short names", nameof(ports));
        _ports = ports;
        _size = size;
        _time = time;
        // Section 5.3.2: two queues for the first port, two for control, two for each other port.
        QueueSizes = [.. Enumerable.Repeat((ushort)64, 2 + (2 * ports.Count))];
    }

    /// <inheritdoc/>
    public uint DeviceId => 3;

    /// <inheritdoc/>
    public ulong Features => SizeFeature | Multiport | EmergencyWrite;

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; }

    /// <inheritdoc/>
    public uint ConfigGeneration => Volatile.Read(ref _generation);

    /// <summary>
    /// True while the host has not taken all that the guest has sent. The guest may switch off before that: wait, with time running,
    /// before the machine is taken apart.
    /// </summary>
    public bool HasPendingOutput
    {
        get
        {
            lock (_gate) return Array.Exists(_channels, c => c.HoldsOutput);
        }
    }

    /// <summary>A copy of the state of each port.</summary>
    public IReadOnlyList<ConsolePortState> PortStates
    {
        get
        {
            lock (_gate) return [.. _channels.Select(static c => c.State)];
        }
    }

    private bool HasMessages => Array.Exists(_channels, c => c.Pending != 0);

    private bool IsMultiport => (_features & Multiport) != 0;

    /// <summary>Tells the guest of a new size of its terminals; from any thread.</summary>
    public void Resize(ConsoleSize size) => _time.Post(() =>
    {
        lock (_gate)
        {
            _size = size;
            _generation++;
            if (!_active) return;
            foreach (PortChannel channel in _channels)
            {
                if (channel is { Port.IsConsole: true, IsGuestReady: true }) channel.Pending |= PendingMessages.Resize;
            }
            _transport!.SignalConfigChange();
            SendControl();
        }
    });

    /// <inheritdoc/>
    public void Attach(IVirtioTransport transport)
    {
        lock (_gate)
        {
            _transport = transport;
            _control = new VirtQueueChain(transport.Memory);
            _channels = [.. _ports.Select((port, i) => new PortChannel(port, QueueOf(i), transport, _time, (() => OnInput(i), () => OnRoom(i))))];
        }
    }

    /// <inheritdoc/>
    public void ReadConfig(uint offset, Span<byte> data)
    {
        Span<byte> config = stackalloc byte[ConfigLength];
        config.Clear();
        lock (_gate)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(config, _size.Columns);
            BinaryPrimitives.WriteUInt16LittleEndian(config[2..], _size.Rows);
        }
        BinaryPrimitives.WriteInt32LittleEndian(config[4..], _ports.Count);
        ConfigSpace.Read(config, offset, data);
    }

    /// <inheritdoc/>
    public void WriteConfig(uint offset, ReadOnlySpan<byte> data)
    {
        // Section 5.3.4: a character for the first port that needs no queue; one that finds no room is lost.
        if (offset == EmergencyOffset && data.Length != 0) _ports[0].Backend.Write(data[..1]);
    }

    /// <inheritdoc/>
    public void Activate(ulong features)
    {
        lock (_gate)
        {
            _features = features;
            _active = true;
        }
    }

    /// <inheritdoc/>
    public void Notify(int queue)
    {
        lock (_gate)
        {
            if (!_active) return;
            if (queue == ControlTransmit) ReceiveControl();
            else if (queue != ControlReceive) Carry(queue);
            SendControl();
        }
    }

    /// <inheritdoc/>
    public void Reset()
    {
        lock (_gate)
        {
            _active = false;
            _features = 0;
            foreach (PortChannel channel in _channels) channel.Reset();
        }
    }

    /// <summary>Takes the device off its ports: the host's reads end, until another device takes the ports over.</summary>
    public void Dispose() => Reset();

    private static int QueueOf(int port) => port == 0 ? 0 : 2 + (2 * port);

    private void Carry(int queue)
    {
        int port = queue < 2 ? 0 : (queue - 2) / 2;
        if (port != 0 && !IsMultiport) return;
        if ((queue & 1) == 0) _channels[port].Receive(IsMultiport);
        else _channels[port].Transmit();
    }

    private void OnInput(int port)
    {
        lock (_gate)
        {
            if (!_active) return;
            Carry(QueueOf(port));
            SendControl();
        }
    }

    private void OnRoom(int port)
    {
        lock (_gate)
        {
            if (_active) Carry(QueueOf(port) + 1);
        }
    }

    private void ReceiveControl()
    {
        VirtQueue queue = _transport!.Queues[ControlTransmit];
        Span<byte> header = stackalloc byte[ConsoleMessages.HeaderLength];
        bool signal;
        lock (queue.Gate)
        {
            do
            {
                while (queue.TryPop(_control!))
                {
                    bool whole = _control!.CopyOut(0, header) == header.Length;
                    queue.Push(_control, 0);
                    if (whole && IsMultiport) Handle(ConsoleMessages.Read(header));
                }
            }
            while (!queue.EnableNotifications());
            signal = queue.NeedsSignal();
        }
        if (signal) _transport.SignalQueue(ControlTransmit);
    }

    // Section 5.3.6.2.
    private void Handle((uint Port, ConsoleEvent Kind, ushort Value) message)
    {
        if (message.Kind == ConsoleEvent.DeviceReady)
        {
            if (message.Value == 0) return;
            foreach (PortChannel each in _channels) each.Pending |= PendingMessages.Add;
            return;
        }
        if (message.Port >= (uint)_channels.Length) return;
        PortChannel channel = _channels[message.Port];
        if (message.Kind == ConsoleEvent.PortReady) SetReady(channel, message.Value != 0);
        else if (message.Kind == ConsoleEvent.PortOpen) channel.SetGuestOpen(message.Value != 0);
        channel.Receive(multiport: true);
    }

    private static void SetReady(PortChannel channel, bool ready)
    {
        channel.IsGuestReady = ready;
        if (!ready) return;
        channel.Pending |= PendingMessages.Open;
        if (channel.Port.IsConsole) channel.Pending |= PendingMessages.Console | PendingMessages.Resize;
        if (channel.Port.Name.Length != 0) channel.Pending |= PendingMessages.Name;
    }

    private void SendControl()
    {
        if (!IsMultiport) return;
        VirtQueue queue = _transport!.Queues[ControlReceive];
        Span<byte> message = stackalloc byte[ConsoleMessages.MaxLength];
        bool signal;
        lock (queue.Gate)
        {
            do
            {
                while (HasMessages && queue.TryPop(_control!))
                {
                    int length = NextMessage(message);
                    queue.Push(_control!, (uint)_control!.CopyIn(0, message[..length]));
                }
            }
            while (HasMessages && !queue.EnableNotifications());
            signal = queue.NeedsSignal();
        }
        if (signal) _transport.SignalQueue(ControlReceive);
    }

    // In the order of the flags: a port is added before it is named, and named before it is opened.
    private int NextMessage(Span<byte> buffer)
    {
        uint id = (uint)Array.FindIndex(_channels, c => c.Pending != 0);
        PortChannel channel = _channels[id];
        PendingMessages next = (PendingMessages)((byte)channel.Pending & -(byte)channel.Pending);
        channel.Pending &= ~next;
        return next switch
        {
            PendingMessages.Add => ConsoleMessages.Write(buffer, id, ConsoleEvent.DeviceAdd, 1),
            PendingMessages.Console => ConsoleMessages.Write(buffer, id, ConsoleEvent.ConsolePort, 1),
            PendingMessages.Name => ConsoleMessages.WriteName(buffer, id, channel.Port.Name),
            PendingMessages.Open => ConsoleMessages.Write(buffer, id, ConsoleEvent.PortOpen, channel.IsHostOpen ? (ushort)1 : (ushort)0),
            _ => ConsoleMessages.WriteResize(buffer, id, _size),
        };
    }
}
