using Doppel.Core.Time;
using Doppel.Devices.Backends.Char;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Console;

/// <summary>
/// One port at work: carries bytes between its two queues and its back end, with back-pressure both ways. Output that the host does not
/// take stays in the driver's buffer; input that the driver has no buffer for stays with the host.
/// Thread contract: the device's lock guards everything.
/// </summary>
internal sealed class PortChannel
{
    private readonly MachineTime _time;
    private readonly IVirtioTransport _transport;
    private readonly CharInput _input;
    private readonly VirtQueueChain _incoming;
    private readonly VirtQueueChain _outgoing;
    private readonly int _receiveQueue;
    private readonly int _transmitQueue;
    private uint _heldOffset;
    private bool _closing;

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

    internal PendingMessages Pending { get; set; }

    /// <summary>The driver has set up the port.</summary>
    internal bool IsGuestReady { get; set; }

    /// <summary>A program in the guest has the port open.</summary>
    internal bool IsGuestOpen { get; private set; }

    /// <summary>The host has not ended its input, as far as the guest was told.</summary>
    internal bool IsHostOpen { get; private set; } = true;

    /// <summary>A request of the driver's waits for the host to take it.</summary>
    internal bool HoldsOutput { get; private set; }

    internal void Reset()
    {
        Pending = PendingMessages.None;
        IsGuestReady = false;
        IsHostOpen = true;
        HoldsOutput = false;
        SetGuestOpen(false);
    }

    /// <summary>The guest opened or closed the port. The host learns of a close when it has all that was sent before.</summary>
    internal void SetGuestOpen(bool open)
    {
        if (IsGuestOpen == open && !_closing) return;
        IsGuestOpen = open;
        _closing = !open;
        if (open) Port.Backend.SetGuestOpen(true);
        else Transmit();
    }

    /// <summary>Gives input to the driver. A pipe that nobody has open in the guest keeps its input for later.</summary>
    /// <param name="multiport">False for a driver that knows one port only, and no messages.</param>
    internal void Receive(bool multiport)
    {
        if (multiport && !(IsGuestReady && (Port.IsConsole || IsGuestOpen))) return;
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
        if (!IsHostOpen || !_input.IsEnded || !multiport) return;
        IsHostOpen = false;
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
                while (!stuck && (HoldsOutput || TryHold(queue))) stuck = !TrySend(queue);
            }
            while (!stuck && !queue.EnableNotifications());
            signal = queue.NeedsSignal();
        }
        if (signal) _transport.SignalQueue(_transmitQueue);
        if (stuck || !_closing) return;
        _closing = false;
        Port.Backend.SetGuestOpen(false);
    }

    private bool TryHold(VirtQueue queue)
    {
        if (!queue.TryPop(_outgoing)) return false;
        _heldOffset = 0;
        HoldsOutput = true;
        return true;
    }

    // False when the host takes no more now.
    private bool TrySend(VirtQueue queue)
    {
        while (_outgoing.TryGetReadable(_heldOffset, int.MaxValue, out ReadOnlySpan<byte> span))
        {
            int taken = Port.Backend.Write(span);
            _heldOffset += (uint)taken;
            if (taken == span.Length) continue;
            // In deterministic time the guest must not see how fast the host is.
            if (!_time.IsDeterministic) return false;
            Port.Backend.WaitForRoom();
        }
        HoldsOutput = false;
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
