using Doppel.Devices.Backends.Char;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio.Vsock;

/// <summary>How far a connection is.</summary>
internal enum VsockState : byte
{
    /// <summary>The host wants it; the guest was not asked yet, or has not answered.</summary>
    Opening,

    /// <summary>Bytes may flow.</summary>
    Open,

    /// <summary>The host has closed it and said so; the guest's reset is awaited (virtio 1.2, section 5.10.6.6.1).</summary>
    Closing,

    /// <summary>Over, for whatever reason; the host may still read what came before.</summary>
    Closed,
}

/// <summary>Packets without bytes that a connection has to send, in this order.</summary>
[Flags]
internal enum VsockPending : byte
{
    None = 0,
    Request = 1,
    Response = 2,
    CreditUpdate = 4,
    CreditRequest = 8,
}

/// <summary>
/// One connection: a pipe each way between the host's stream and the device, and the credit of both ends (section 5.10.6.3). What the host
/// does is noted by atomic counters and becomes visible to the guest only in <see cref="Observe"/>, inside an event of the machine's.
/// Thread contract: the members up to <see cref="Observe"/> from any thread; the rest under the device's lock.
/// </summary>
internal sealed class VsockConnection(VsockHost host, uint guestPort)
{
    /// <summary>Bytes that either pipe holds at most; what the guest is promised.</summary>
    internal const int BufferSize = 256 << 10;

    // The guest hears of room when a quarter of the buffer is free that it does not know of.
    private const int UpdateStep = BufferSize / 4;

    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _taken;
    private int _announcedTaken;
    private int _poked;
    private int _sent;
    private uint _guestBuffer;
    private uint _guestForwarded;
    private uint _received;

    internal uint GuestPort { get; } = guestPort;

    internal uint HostPort { get; set; }

    internal BytePipe ToHost { get; } = new(BufferSize);

    internal BytePipe ToGuest { get; } = new(BufferSize);

    /// <summary>Why reads and writes fail, or null while they do not.</summary>
    internal string? Failure { get; private set; }

    /// <summary>The guest takes no more bytes.</summary>
    internal bool GuestReceivesNoMore { get; private set; }

    /// <summary>The host's stream is closed, or nobody waits for the connection any more.</summary>
    internal bool IsAbandoned => ToHost.IsAbandoned;

    /// <summary>Ends when the guest has accepted; fails with <see cref="IOException"/> when it refused.</summary>
    internal Task Opened => _opened.Task;

    /// <summary>The host has taken bytes.</summary>
    internal void Taken(int count)
    {
        long taken = Interlocked.Add(ref _taken, count);
        if ((uint)taken - (uint)Volatile.Read(ref _announcedTaken) >= UpdateStep) Poke();
    }

    /// <summary>The host has done something that the guest should hear of.</summary>
    internal void Poke()
    {
        if (Interlocked.Exchange(ref _poked, 1) == 0) host.Poke(this);
    }

    /// <summary>Makes visible what the host did.</summary>
    internal void Observe()
    {
        Volatile.Write(ref _poked, 0);
        HasEnded = ToGuest.IsCompleted;
        Waiting = ToGuest.Count;
        Forwarded = (uint)Interlocked.Read(ref _taken);
        if (State == VsockState.Open && Forwarded - (uint)_announcedTaken >= UpdateStep) Pending |= VsockPending.CreditUpdate;
    }

    internal VsockState State { get; private set; }

    internal VsockPending Pending { get; set; }

    /// <summary>True while the connection stands in the device's line of those that have something to send.</summary>
    internal bool IsInLine { get; set; }

    /// <summary>Bytes for the guest that it may see.</summary>
    internal int Waiting { get; private set; }

    /// <summary>The host will send no more than <see cref="Waiting"/>.</summary>
    internal bool HasEnded { get; private set; }

    /// <summary>Bytes that the host has taken, modulo 2^32, as the guest may know.</summary>
    internal uint Forwarded { get; private set; }

    /// <summary>What the guest was told that the host will not do any more.</summary>
    internal VsockShutdown Announced { get; private set; }

    /// <summary>Bytes that the guest has room for.</summary>
    internal uint Credit
    {
        get
        {
            // Counters run modulo 2^32; a guest that claims to have taken more than was sent has no room.
            uint underWay = (uint)_sent - _guestForwarded;
            return underWay >= _guestBuffer ? 0 : _guestBuffer - underWay;
        }
    }

    /// <summary>What the guest is to hear next of the end of the host's stream; none while there are bytes to send before.</summary>
    internal VsockShutdown NextShutdown
    {
        get
        {
            if (State != VsockState.Open || !HasEnded || Waiting != 0) return VsockShutdown.None;
            VsockShutdown wanted = IsAbandoned ? VsockShutdown.Both : VsockShutdown.Send;
            return wanted == Announced ? VsockShutdown.None : wanted;
        }
    }

    /// <summary>True if a packet can be sent now.</summary>
    internal bool HasPacket => Pending != 0 || CanSendData || NextShutdown != 0;

    private bool CanSendData => State == VsockState.Open && Waiting != 0 && Credit != 0;

    /// <summary>What the host is told when the guest resets the connection now; null where that is no surprise.</summary>
    internal string? ResetReason => State switch
    {
        VsockState.Opening => $"Nobody listens on port {GuestPort} of the guest.",
        VsockState.Closing => null,
        _ => "The guest reset the connection.",
    };

    /// <summary>Both ends have agreed.</summary>
    internal void Open()
    {
        State = VsockState.Open;
        _opened.TrySetResult();
    }

    /// <summary>The guest tells of its buffer, which it does in every packet.</summary>
    internal void SetCredit(in VsockHeader header)
    {
        _guestBuffer = header.BufferSize;
        _guestForwarded = header.Forwarded;
    }

    /// <summary>Takes the next packet to send: first those without bytes, then bytes, then the end. Ask <see cref="HasPacket"/> first.</summary>
    /// <param name="guestCid">Address of the guest.</param>
    /// <param name="room">Most bytes that may follow the header.</param>
    /// <param name="data">How many do; note them with <see cref="NoteSent"/>.</param>
    internal VsockHeader NextPacket(ulong guestCid, int room, out int data)
    {
        VsockPending pending = (VsockPending)((byte)Pending & -(byte)Pending);
        Pending &= ~pending;
        data = pending == 0 && CanSendData ? (int)Math.Min((uint)Math.Min(Waiting, room), Credit) : 0;
        VsockShutdown shutdown = pending == 0 && data == 0 ? NextShutdown : VsockShutdown.None;
        VsockOperation operation = pending switch
        {
            VsockPending.Request => VsockOperation.Request,
            VsockPending.Response => VsockOperation.Response,
            VsockPending.CreditUpdate => VsockOperation.CreditUpdate,
            VsockPending.CreditRequest => VsockOperation.CreditRequest,
            _ => data != 0 ? VsockOperation.Data : VsockOperation.Shutdown,
        };
        // Every packet tells of the host's buffer.
        Volatile.Write(ref _announcedTaken, (int)Forwarded);
        Pending &= ~VsockPending.CreditUpdate;
        if (shutdown != 0) Announced = shutdown;
        if (shutdown == VsockShutdown.Both) State = VsockState.Closing;
        return new VsockHeader
        {
            SourceCid = VsockHost.HostCid,
            DestinationCid = guestCid,
            SourcePort = HostPort,
            DestinationPort = GuestPort,
            Type = VsockHeader.StreamType,
            Operation = operation,
            Length = (uint)data,
            Flags = (uint)shutdown,
            BufferSize = BufferSize,
            Forwarded = Forwarded,
        };
    }

    internal void NoteSent(int count)
    {
        _sent += count;
        Waiting -= count;
        // Bytes that wait without credit: a guest that forgot to tell of its room is asked once.
        if (Waiting != 0 && Credit == 0) Pending |= VsockPending.CreditRequest;
    }

    /// <summary>Takes the bytes of a packet of the guest's.</summary>
    /// <returns>False if the guest was not allowed to send so many.</returns>
    internal bool TryTakeData(VirtQueueChain chain, uint length)
    {
        if (length > BufferSize - (_received - Forwarded)) return false;
        _received += length;
        // What comes for a stream that the host has closed counts as taken.
        if (IsAbandoned)
        {
            Taken((int)length);
            return true;
        }
        for (uint done = 0; done < length;)
        {
            if (!chain.TryGetReadable(VsockHeader.Size + done, (int)(length - done), out ReadOnlySpan<byte> span)) return false;
            ToHost.TryWrite(span);
            done += (uint)span.Length;
        }
        return true;
    }

    /// <summary>The guest will not send or not receive any more.</summary>
    internal void GuestShutdown(VsockShutdown what)
    {
        if ((what & VsockShutdown.Send) != 0) ToHost.SetCompleted(true);
        if ((what & VsockShutdown.Receive) == 0) return;
        GuestReceivesNoMore = true;
        ToGuest.Abandon();
        Waiting = 0;
    }

    /// <summary>Ends the connection. The host reads what came before, and then the end, or the reason if there is one.</summary>
    internal void Close(string? failure)
    {
        if (State == VsockState.Closed) return;
        bool wasOpening = State == VsockState.Opening;
        State = VsockState.Closed;
        Pending = VsockPending.None;
        Waiting = 0;
        GuestReceivesNoMore = true;
        Failure = failure;
        ToHost.SetCompleted(true);
        ToGuest.Abandon();
        if (wasOpening) _opened.TrySetException(new IOException(failure ?? "The connection was closed before it was open."));
    }
}
