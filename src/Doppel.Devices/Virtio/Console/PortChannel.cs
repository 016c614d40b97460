using Doppel.Core.Time;
using Doppel.Devices.Backends.Char;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Console;

/// <summary>All state of one console port that is not in guest memory: plain data.</summary>
public struct ConsolePortState
{
    /// <summary>The driver has set up the port.</summary>
    public bool IsGuestReady;

    /// <summary>A program in the guest has the port open.</summary>
    public bool IsGuestOpen;

    /// <summary>The guest has closed the port, and the host will hear of it once it has taken all output.</summary>
    public bool IsClosing;

    /// <summary>The guest was told that the host has ended its input.</summary>
    public bool IsHostClosed;

    /// <summary>A request of the driver's waits for the host to take the rest of it, from <see cref="HeldOffset"/>.</summary>
    public bool HoldsOutput;

    /// <summary>Bytes of the held request that the host has taken.</summary>
    public uint HeldOffset;

    /// <summary>Control messages that wait for a buffer of the driver's.</summary>
    public byte PendingMessages;
}

/// <summary>
/// One port at work: carries bytes between its two queues and its back end, with back-pressure both ways. Output that the host does not
/// take stays in the driver's buffer; input that the driver has no buffer for stays with the host.
/// Thread contract: the device's lock guards everything.
/// </summary>
internal sealed class PortChannel
{
    // A queue full of the largest writes that Linux makes, 32 KiB each; a driver that claims more does not mean it.
    private const int MaxHandedOver = 64 * (32 << 10);

    private readonly MachineTime _time;
    private readonly IVirtioTransport _transport;
    private readonly CharInput _input;
    private readonly VirtQueueChain _incoming;
    private readonly VirtQueueChain _outgoing;
    private readonly int _receiveQueue;
    private readonly int _transmitQueue;
    private ConsolePortState _state;

    /// <summary>Connects a port's back end to its queues.</summary>
    internal PortChannel(ConsolePort port, int receiveQueue, IVirtioTransport transport, MachineTime time, (Action Input, Action Room) changed)
    {
        Port = port;
        _receiveQueue = receiveQueue;
        _transmitQueue = receiveQueue + 1;
        _transport = transport;
        _time = time;
        _incoming = new VirtQueueChain(transport.Memory);
        _outgoing = new VirtQueueChain(transport.Memory);
        _input = new CharInput(port.Backend, time, changed.Input, changed.Room);
    }

    internal ConsolePort Port { get; }

    /// <summary>A copy of the state.</summary>
    internal ConsolePortState State => _state;

    internal PendingMessages Pending
    {
        get => (PendingMessages)_state.PendingMessages;
        set => _state.PendingMessages = (byte)value;
    }

    internal bool IsGuestReady
    {
        get => _state.IsGuestReady;
        set => _state.IsGuestReady = value;
    }

    internal bool IsHostOpen => !_state.IsHostClosed;

    internal bool HoldsOutput => _state.HoldsOutput;

    /// <summary>
    /// The driver goes away. What it has sent is handed to the host, which may be behind and still wants all of it; then the host's reads end,
    /// as when the guest closes the port.
    /// </summary>
    internal void Reset()
    {
        HandOver();
        bool wasOpen = _state.IsGuestOpen || _state.IsClosing;
        _state = default;
        if (wasOpen) Port.Backend.SetGuestOpen(false);
    }

    /// <summary>The guest opened or closed the port. The host learns of a close when it has all that was sent before.</summary>
    internal void SetGuestOpen(bool open)
    {
        if (_state.IsGuestOpen == open && !_state.IsClosing) return;
        _state.IsGuestOpen = open;
        _state.IsClosing = !open;
        if (open) Port.Backend.SetGuestOpen(true);
        else Transmit();
    }

    /// <summary>Gives input to the driver. A pipe that nobody has open in the guest keeps its input for later.</summary>
    /// <param name="multiport">False for a driver that knows one port only, and no messages.</param>
    internal void Receive(bool multiport)
    {
        if (multiport && !(IsGuestReady && (Port.IsConsole || _state.IsGuestOpen))) return;
        VirtQueue queue = _transport.Queues[_receiveQueue];
        bool signal;
        lock (queue.Gate)
        {
            do
            {
                while (_input.Available != 0 && queue.TryPop(_incoming)) queue.Push(_incoming, Fill());
            }
            while (_input.Available != 0 && !queue.EnableNotifications());
            // Without input there is nothing to be notified for.
            if (_input.Available == 0) queue.DisableNotifications();
            signal = queue.NeedsSignal();
        }
        if (signal) _transport.SignalQueue(_receiveQueue);
        if (_state.IsHostClosed || !_input.IsEnded || !multiport) return;
        _state.IsHostClosed = true;
        Pending |= PendingMessages.Open;
    }

    /// <summary>Takes output from the driver, as far as the host takes it.</summary>
    internal void Transmit()
    {
        VirtQueue queue = _transport.Queues[_transmitQueue];
        bool signal, stuck = false;
        lock (queue.Gate)
        {
            do
            {
                while (!stuck && (Holds(queue) || TryHold(queue))) stuck = !TrySend(queue);
            }
            while (!stuck && !queue.EnableNotifications());
            signal = queue.NeedsSignal();
        }
        if (signal) _transport.SignalQueue(_transmitQueue);
        if (stuck || !_state.IsClosing) return;
        _state.IsClosing = false;
        Port.Backend.SetGuestOpen(false);
    }

    private void HandOver()
    {
        VirtQueue queue = _transport.Queues[_transmitQueue];
        int budget = MaxHandedOver;
        lock (queue.Gate)
        {
            while (Holds(queue) || TryHold(queue))
            {
                while (_outgoing.TryGetReadable(_state.HeldOffset, budget, out ReadOnlySpan<byte> span) && !span.IsEmpty)
                {
                    Port.Backend.WriteUnbounded(span);
                    _state.HeldOffset += (uint)span.Length;
                    budget -= span.Length;
                }
                _state.HoldsOutput = false;
            }
        }
    }

    // A request whose queue was reset meanwhile is the driver's again, and not to be read any more.
    private bool Holds(VirtQueue queue) => _state.HoldsOutput &= queue.Owns(_outgoing);

    private bool TryHold(VirtQueue queue)
    {
        if (!queue.TryPop(_outgoing)) return false;
        _state.HeldOffset = 0;
        _state.HoldsOutput = true;
        return true;
    }

    // False when the host takes no more now.
    private bool TrySend(VirtQueue queue)
    {
        while (_outgoing.TryGetReadable(_state.HeldOffset, int.MaxValue, out ReadOnlySpan<byte> span))
        {
            int taken = Port.Backend.Write(span);
            _state.HeldOffset += (uint)taken;
            if (taken == span.Length) continue;
            // In deterministic time the guest must not see how fast the host is.
            if (!_time.IsDeterministic) return false;
            Port.Backend.WaitForRoom();
        }
        _state.HoldsOutput = false;
        queue.Push(_outgoing, 0);
        return true;
    }

    private uint Fill()
    {
        uint done = 0;
        while (_incoming.TryGetWritable(done, int.MaxValue, out Span<byte> span))
        {
            int taken = _input.Take(span);
            done += (uint)taken;
            if (taken != span.Length) break;
        }
        return done;
    }
}
