using System.Buffers.Binary;
using System.Collections.Concurrent;
using Doppel.Core.Time;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Vsock;

/// <summary>All state of a <see cref="VirtioVsock"/> that outlives its connections: plain data. A restored guest has lost all connections.</summary>
public struct VirtioVsockState
{
    /// <summary>The driver is there.</summary>
    public bool Active;

    /// <summary>The driver is to be told that all connections are gone.</summary>
    public bool ResetPending;
}

/// <summary>
/// The socket device (virtio 1.2, section 5.10; section numbers here are that document's): stream sockets between guest and host.
/// Packets from the guest are taken on the vCPU thread that notifies; what the host does enters as an event of the machine's time.
/// Thread contract: as <see cref="IVirtioDevice"/>; one lock guards everything but <see cref="Poke"/> and <see cref="Schedule"/>.
/// </summary>
public sealed class VirtioVsock : IVirtioDevice
{
    private const int ReceiveQueue = 0, TransmitQueue = 1, EventQueue = 2;
    private const ulong StreamFeature = 1;
    private const uint TransportReset = 0;

    // How long the guest may take to answer that it has closed its end too.
    private const long LingerNs = 8_000_000_000;

    private readonly Lock _gate = new();
    private readonly VsockHost _host;
    private readonly MachineTime _time;
    private readonly MachineTimer _linger;
    private readonly ulong _guestCid;
    private readonly VsockTable _table = new();
    private readonly VsockReplies _replies = new();
    private readonly Queue<(long Deadline, VsockConnection Connection)> _closing = new();
    private readonly ConcurrentQueue<VsockConnection> _poked = new();
    private readonly Action _observe;
    private IVirtioTransport? _transport;
    private VirtQueueChain? _incoming;
    private VirtQueueChain? _outgoing;
    private VirtioVsockState _state;
    private int _scheduled;

    /// <summary>Creates the device.</summary>
    /// <param name="host">The host's end; owned by the caller, and attached to this device from now on.</param>
    /// <param name="guestCid">Address of the guest, 3 or above and below 2^32 - 1 (section 5.10.4).</param>
    /// <param name="time">The door for what the host does.</param>
    public VirtioVsock(VsockHost host, uint guestCid, MachineTime time)
    {
        _host = host;
        _guestCid = guestCid;
        _time = time;
        _linger = time.CreateTimer(OnLinger);
        _observe = Observe;
        host.Attach(this);
    }

    /// <inheritdoc/>
    public uint DeviceId => 19;

    /// <inheritdoc/>
    public ulong Features => StreamFeature;

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; } = [256, 256, 16];

    /// <inheritdoc/>
    public uint ConfigGeneration => 0;

    /// <summary>A copy of the state.</summary>
    public VirtioVsockState State
    {
        get
        {
            lock (_gate) return _state;
        }
    }

    /// <summary>Connections that exist now.</summary>
    internal int Connections
    {
        get
        {
            lock (_gate) return _table.Count;
        }
    }

    private bool HasPackets => _replies.HasResets || _table.HasLine;

    /// <inheritdoc/>
    public void Attach(IVirtioTransport transport)
    {
        lock (_gate)
        {
            _transport = transport;
            _incoming = new VirtQueueChain(transport.Memory);
            _outgoing = new VirtQueueChain(transport.Memory);
        }
    }

    /// <inheritdoc/>
    public void ReadConfig(uint offset, Span<byte> data)
    {
        Span<byte> config = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(config, _guestCid);
        ConfigSpace.Read(config, offset, data);
    }

    /// <inheritdoc/>
    public void WriteConfig(uint offset, ReadOnlySpan<byte> data)
    {
    }

    /// <inheritdoc/>
    public void Activate(ulong features)
    {
        lock (_gate) _state.Active = true;
        Schedule();
    }

    /// <inheritdoc/>
    public void Notify(int queue)
    {
        lock (_gate)
        {
            if (!_state.Active) return;
            if (queue == EventQueue) SendEvent();
            else Pump();
        }
    }

    /// <inheritdoc/>
    public void Reset()
    {
        lock (_gate)
        {
            _state = default;
            _table.CloseAll("The guest's driver went away.");
            _replies.Clear();
            _poked.Clear();
            _closing.Clear();
            _linger.Disarm();
        }
    }

    /// <summary>Drops all connections and tells the guest (section 5.10.6.7): it does what it does when its peer has vanished.</summary>
    public void ResetTransport() => _time.Post(() =>
    {
        lock (_gate)
        {
            if (!_state.Active) return;
            _table.CloseAll("The machine's sockets were reset.");
            _replies.Clear();
            _closing.Clear();
            _state.ResetPending = true;
            SendEvent();
        }
    });

    /// <summary>Ends all connections.</summary>
    public void Dispose()
    {
        _host.Detach(this);
        Reset();
    }

    /// <summary>The host has done something with a connection; from any thread.</summary>
    internal void Poke(VsockConnection connection)
    {
        _poked.Enqueue(connection);
        Schedule();
    }

    /// <summary>Has the device look at what the host did; from any thread.</summary>
    internal void Schedule()
    {
        if (Interlocked.Exchange(ref _scheduled, 1) == 0) _time.Post(_observe);
    }

    private void Observe()
    {
        Volatile.Write(ref _scheduled, 0);
        lock (_gate)
        {
            if (!_state.Active) return;
            while (_table.HasRoom && _host.TryTakeDialled(out VsockConnection? dialled)) Dial(dialled!);
            while (_replies.TryTakeRequest(out VsockHeader request)) Answer(request);
            while (_poked.TryDequeue(out VsockConnection? connection)) Look(connection);
            Pump();
        }
    }

    private void Dial(VsockConnection connection)
    {
        _table.AddDialled(connection);
        connection.Pending |= VsockPending.Request;
        _table.LineUp(connection);
    }

    private void Answer(in VsockHeader request)
    {
        Action<VsockStream>? accept = _table.HasRoom && _table.Find(request.DestinationPort, request.SourcePort) is null
            ? _host.Answer(request.DestinationPort) : null;
        if (accept is null)
        {
            _replies.AddReset(request);
            return;
        }
        VsockConnection connection = new(_host, request.SourcePort) { HostPort = request.DestinationPort };
        connection.SetCredit(request);
        connection.Open();
        connection.Pending |= VsockPending.Response;
        _table.Add(connection);
        _table.LineUp(connection);
        accept(new VsockStream(connection));
    }

    private void Look(VsockConnection connection)
    {
        connection.Observe();
        // Nobody waits any more: if the guest still answers, it answers a connection that does not exist.
        if (connection is { IsAbandoned: true, State: VsockState.Opening }) End(connection, failure: null);
        _table.LineUp(connection);
    }

    private void End(VsockConnection connection, string? failure)
    {
        connection.Close(failure);
        _table.Remove(connection);
    }

    // Section 5.10.6.1.2: packets are taken only as long as there is room to answer them.
    private void Pump()
    {
        bool again;
        do
        {
            Send();
            again = Receive();
        }
        while (again);
        Send();
    }

    // True if packets were taken that gave rise to others.
    private bool Receive()
    {
        VirtQueue queue = _transport!.Queues[TransmitQueue];
        bool signal;
        lock (queue.Gate)
        {
            do
            {
                while (!_replies.IsFull && queue.TryPop(_outgoing!))
                {
                    Handle(_outgoing!);
                    queue.Push(_outgoing!, 0);
                }
            }
            while (!_replies.IsFull && !queue.EnableNotifications());
            signal = queue.NeedsSignal();
        }
        if (signal) _transport.SignalQueue(TransmitQueue);
        if (_replies.HasRequests) Schedule();
        return _replies.IsFull && CanSend();
    }

    private void Handle(VirtQueueChain chain)
    {
        Span<byte> bytes = stackalloc byte[VsockHeader.Size];
        if (chain.CopyOut(0, bytes) != bytes.Length) return;
        VsockHeader header = VsockHeader.Read(bytes);
        // Section 5.10.6.4: nobody but the guest sends, and nobody but the host is reached.
        if (header.SourceCid != _guestCid || header.DestinationCid != VsockHost.HostCid) return;
        VsockConnection? connection = _table.Find(header.DestinationPort, header.SourcePort);
        bool isWhole = header.Length <= chain.ReadableLength - VsockHeader.Size;
        if (header.Type != VsockHeader.StreamType || !isWhole || connection is null)
        {
            HandleUnknown(header, isWhole, connection);
            return;
        }
        connection.SetCredit(header);
        HandleKnown(connection, header, chain);
        _table.LineUp(connection);
    }

    private void HandleUnknown(in VsockHeader header, bool isWhole, VsockConnection? connection)
    {
        if (header.Operation == VsockOperation.Reset)
        {
            if (connection is not null) End(connection, "The guest reset the connection.");
        }
        else if (header is { Operation: VsockOperation.Request, Type: VsockHeader.StreamType } && isWhole)
        {
            _replies.AddRequest(header);
        }
        else
        {
            // Sections 5.10.6.4 and 5.10.6.5: what belongs to no connection, or has a type that is not known, is reset.
            if (connection is not null) End(connection, "The guest sent a packet that is not valid.");
            _replies.AddReset(header);
        }
    }

    private void HandleKnown(VsockConnection connection, in VsockHeader header, VirtQueueChain chain)
    {
        switch (header.Operation)
        {
            case VsockOperation.Response when connection.State == VsockState.Opening:
                connection.Open();
                break;
            case VsockOperation.Data when connection.State is VsockState.Open or VsockState.Closing:
                if (!connection.TryTakeData(chain, header.Length)) Refuse(connection, header, "The guest sent more than it was allowed to.");
                break;
            case VsockOperation.CreditUpdate:
                break;
            case VsockOperation.CreditRequest:
                connection.Pending |= VsockPending.CreditUpdate;
                break;
            case VsockOperation.Shutdown when connection.State is VsockState.Open or VsockState.Closing:
                connection.GuestShutdown((VsockShutdown)header.Flags & VsockShutdown.Both);
                // Section 5.10.6.6.1: both ends are done, which the reset confirms.
                if (((VsockShutdown)header.Flags & VsockShutdown.Both) == VsockShutdown.Both) Refuse(connection, header, failure: null);
                break;
            case VsockOperation.Reset:
                End(connection, connection.ResetReason);
                break;
            default:
                Refuse(connection, header, "The guest sent a packet that is not valid.");
                break;
        }
    }

    private void Refuse(VsockConnection connection, in VsockHeader header, string? failure)
    {
        End(connection, failure);
        _replies.AddReset(header);
    }

    private bool CanSend()
    {
        VirtQueue queue = _transport!.Queues[ReceiveQueue];
        lock (queue.Gate) return queue.HasRequests;
    }

    private void Send()
    {
        if (!HasPackets) return;
        VirtQueue queue = _transport!.Queues[ReceiveQueue];
        bool signal;
        lock (queue.Gate)
        {
            do
            {
                while (HasPackets && queue.TryPop(_incoming!))
                {
                    if (_incoming!.WritableLength < VsockHeader.Size)
                    {
                        queue.Fail("a receive buffer has no room for a packet's header");
                        return;
                    }
                    queue.Push(_incoming, Fill(_incoming));
                }
            }
            while (HasPackets && !queue.EnableNotifications());
            // With nothing to send there is nothing to be notified for.
            if (!HasPackets) queue.DisableNotifications();
            signal = queue.NeedsSignal();
        }
        if (signal) _transport.SignalQueue(ReceiveQueue);
    }

    // One packet.
    private uint Fill(VirtQueueChain chain)
    {
        if (_replies.TryTakeReset(out VsockHeader reset)) return Write(chain, reset);
        VsockConnection connection = _table.Next();
        int room = (int)Math.Min(chain.WritableLength - VsockHeader.Size, VsockConnection.BufferSize);
        uint written = Write(chain, connection.NextPacket(_guestCid, room, out int data));
        uint end = written + (uint)data;
        while (written < end && chain.TryGetWritable(written, (int)(end - written), out Span<byte> span))
            written += (uint)connection.ToGuest.TryRead(span);
        if (data != 0) connection.NoteSent(data);
        if (connection.State == VsockState.Closing) Linger(connection);
        _table.LineUp(connection);
        return end;
    }

    private static uint Write(VirtQueueChain chain, in VsockHeader header)
    {
        Span<byte> bytes = stackalloc byte[VsockHeader.Size];
        header.Write(bytes);
        return (uint)chain.CopyIn(0, bytes);
    }

    private void Linger(VsockConnection connection)
    {
        long deadline = _time.NowNs + LingerNs;
        if (_closing.Count == 0) _linger.Arm(deadline);
        _closing.Enqueue((deadline, connection));
    }

    // A guest that does not confirm the end of a connection loses it.
    private void OnLinger()
    {
        lock (_gate)
        {
            while (_closing.TryPeek(out (long Deadline, VsockConnection Connection) first) && first.Deadline <= _time.NowNs)
            {
                _closing.Dequeue();
                if (first.Connection.State != VsockState.Closing) continue;
                End(first.Connection, failure: null);
                _replies.AddReset(first.Connection, _guestCid);
            }
            if (_closing.TryPeek(out (long Deadline, VsockConnection Connection) next)) _linger.Arm(next.Deadline);
            if (_state.Active) Pump();
        }
    }

    private void SendEvent()
    {
        if (!_state.ResetPending) return;
        VirtQueue queue = _transport!.Queues[EventQueue];
        bool signal = false;
        lock (queue.Gate)
        {
            if (queue.TryPop(_incoming!))
            {
                Span<byte> id = stackalloc byte[4];
                BinaryPrimitives.WriteUInt32LittleEndian(id, TransportReset);
                queue.Push(_incoming!, (uint)_incoming!.CopyIn(0, id));
                _state.ResetPending = false;
                signal = queue.NeedsSignal();
            }
            else
            {
                queue.EnableNotifications();
            }
        }
        if (signal) _transport.SignalQueue(EventQueue);
    }
}
