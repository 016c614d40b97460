using System.Buffers.Binary;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Devices.Backends.Net.User.Packets;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User.Tcp;

/// <summary>Where a connection stands. How far each half has been closed, its sender and receiver know.</summary>
internal enum TcpPhase : byte
{
    /// <summary>The guest has sent a SYN; the remote is being connected to, and the guest hears nothing until that is decided.</summary>
    Connecting,

    /// <summary>Our SYN has answered the guest's.</summary>
    SynReceived,

    /// <summary>A client of a published port waits for the guest to answer our SYN.</summary>
    SynSent,

    /// <summary>Data flows, in one direction at least.</summary>
    Open,

    /// <summary>Both halves are closed, ours first: segments that come late are answered (RFC 9293, 3.6).</summary>
    TimeWait,

    /// <summary>Gone.</summary>
    Closed,
}

/// <summary>
/// A TCP connection of the guest, ended here: the guest's side of it follows RFC 9293, the other side is an <see cref="ITcpRemote"/>.
/// Thread contract: the event loop's thread.
/// </summary>
internal sealed class TcpConnection
{
    private const int WindowShift = 7;
    private const int DefaultSegment = 536;
    private const int LeastSegment = 88;

    private readonly TcpTable _table;
    private readonly StackContext _context;
    private readonly TcpReceiver _receiver;
    private readonly TcpSender _sender;
    private readonly TcpTimers _timers;
    private readonly uint _initial;
    private FlowKey _key;
    private ITcpRemote? _remote;
    private TcpOptions _offered;
    private uint _latest;
    private bool _acknowledge;
    private bool _weClosedFirst;

    internal TcpConnection(TcpTable table, StackContext context, FlowKey key, uint initial)
    {
        _table = table;
        _context = context;
        _key = key;
        _initial = initial;
        _receiver = new TcpReceiver(context.Pages);
        _sender = new TcpSender(context.Pages);
        _timers = new TcpTimers(this, context);
    }

    internal FlowKey Key => _key;

    internal TcpPhase Phase { get; private set; }

    /// <summary>True while the table's list of connections with work holds this one.</summary>
    internal bool IsScheduled { get; set; }

    internal TcpSender Sender => _sender;

    /// <summary>The guest opens: the remote is to be connected to first.</summary>
    internal void StartFromGuest(in TcpSegment syn, ITcpRemote remote)
    {
        Phase = TcpPhase.Connecting;
        _table.HalfOpen++;
        _remote = remote;
        TakeSyn(syn);
        if (remote.IsConnected) RemoteConnected();
    }

    /// <summary>A client of a published port opens: the guest is to be connected to.</summary>
    internal void StartFromRemote(ITcpRemote remote)
    {
        Phase = TcpPhase.SynSent;
        _remote = remote;
        SendSyn();
        _timers.ArmSyn(_sender.TimeoutNs);
    }

    /// <summary>The remote is connected.</summary>
    internal void RemoteConnected()
    {
        if (Phase != TcpPhase.Connecting) return;
        Phase = TcpPhase.SynReceived;
        SendSyn();
        _timers.ArmSyn(_sender.TimeoutNs);
    }

    /// <summary>The remote could not be connected to: the guest learns why.</summary>
    internal void RemoteFailed(HostSocketError error)
    {
        if (Phase == TcpPhase.Connecting) _table.Reject(_key, _receiver.Next, error);
        Close(reset: false);
    }

    /// <summary>The remote has data, room, or an end.</summary>
    internal void RemoteReady() => _table.Schedule(this);

    /// <summary>Takes a segment of the guest.</summary>
    internal void Input(in TcpSegment segment)
    {
        _timers.Heard();
        switch (Phase)
        {
            case TcpPhase.Connecting:
                if (segment.Has(TcpFlags.Rst) && segment.Sequence == _receiver.Next) Close(reset: true);
                break;
            case TcpPhase.SynSent:
                InputSynSent(segment);
                break;
            case TcpPhase.TimeWait:
                if (!segment.Has(TcpFlags.Rst)) SendAck();
                break;
            default:
                InputSynchronized(segment);
                break;
        }
    }

    /// <summary>Does what can be done now: the table calls it once after each round of events.</summary>
    internal void Pump()
    {
        if (Phase == TcpPhase.Closed || _remote is null) return;
        if (Phase == TcpPhase.Open && (!_receiver.Drain(_remote) || !Fill()))
        {
            Abort();
            return;
        }
        if (Phase == TcpPhase.Open) Emit();
        if (_acknowledge || (Phase == TcpPhase.Open && _receiver.ShouldUpdateWindow(_sender.Segment))) SendAck();
        CloseIfDone();
    }

    /// <summary>The retransmission timer is due.</summary>
    /// <returns>False if nothing was waiting for the guest after all.</returns>
    internal bool Retransmit()
    {
        if (Phase is TcpPhase.SynReceived or TcpPhase.SynSent)
        {
            SendSyn();
            return true;
        }
        if (Phase != TcpPhase.Open) return false;
        if (_sender.IsStalled)
        {
            SendProbe();
            return true;
        }
        if (!_sender.IsInFlight) return false;
        _sender.TimeOut();
        uint before = _sender.Next;
        Emit();
        // A window that the guest has closed over what was sent keeps even that back.
        if (_sender.Next == before) SendProbe();
        return true;
    }

    /// <summary>Asks a silent guest for an acknowledgment (RFC 9293, 3.8.4 and 3.8.6.1): a number just before the window must be answered.</summary>
    internal void SendProbe()
        => Send(new(_sender.Unacknowledged - 1, _receiver.Next, TcpFlags.Ack, ScaledWindow()), (0, 0));

    /// <summary>Breaks the connection on both sides.</summary>
    internal void Abort()
    {
        if (Phase is TcpPhase.Open or TcpPhase.SynReceived) Send(new(_sender.Next, _receiver.Next, TcpFlags.Rst | TcpFlags.Ack, 0), (0, 0));
        Close(reset: true);
    }

    /// <summary>Forgets the connection.</summary>
    internal void Close(bool reset)
    {
        if (Phase == TcpPhase.Closed) return;
        if (Phase is TcpPhase.Connecting or TcpPhase.SynReceived) _table.HalfOpen--;
        Phase = TcpPhase.Closed;
        Release(reset);
        _timers.Stop();
        _table.Remove(this);
    }

    private void Release(bool reset)
    {
        _sender.Clear();
        _receiver.Clear();
        _remote?.Close(reset);
        _remote = null;
    }

    private void TakeSyn(in TcpSegment syn)
    {
        _offered = TcpOptions.Read(syn.Options);
        int header = HeaderLength.Tcp + (_key.Guest.IsV4 ? HeaderLength.Ipv4 : HeaderLength.Ipv6);
        int segment = _offered.MaximumSegment == 0 ? DefaultSegment : _offered.MaximumSegment;
        _receiver.Start(syn.Sequence + 1);
        _sender.Start(_initial + 1, Math.Clamp(segment, LeastSegment, _context.Link.Mtu - header));
        // The window of a SYN is never scaled (RFC 7323, 2.2).
        _sender.SetWindow(syn.Window);
    }

    private void InputSynSent(in TcpSegment segment)
    {
        bool acceptable = segment.Has(TcpFlags.Ack) && segment.Acknowledgment == _initial + 1;
        if (segment.Has(TcpFlags.Rst))
        {
            if (acceptable) Close(reset: true);
            return;
        }
        if (!acceptable || !segment.Has(TcpFlags.Syn))
        {
            if (segment.Has(TcpFlags.Ack)) TcpOutput.SendReset(_context.Link, _key, segment);
            return;
        }
        TakeSyn(segment);
        Establish(segment.Window);
        _acknowledge = true;
    }

    private void Establish(uint window)
    {
        if (Phase == TcpPhase.SynReceived) _table.HalfOpen--;
        Phase = TcpPhase.Open;
        _sender.SetWindow(window);
        _timers.Established(_sender);
        _table.Schedule(this);
    }

    private void InputSynchronized(in TcpSegment segment)
    {
        if (!IsAcceptable(segment))
        {
            if (Phase == TcpPhase.SynReceived && segment.Has(TcpFlags.Syn) && segment.Sequence + 1 == _receiver.Next) SendSyn();
            else if (!segment.Has(TcpFlags.Rst)) SendAck();
            return;
        }
        if (segment.Has(TcpFlags.Rst))
        {
            // RFC 5961, 3.2: only the very next number is believed.
            if (segment.Sequence == _receiver.Next) Close(reset: true);
            else SendAck();
            return;
        }
        if (segment.Has(TcpFlags.Syn) || !segment.Has(TcpFlags.Ack))
        {
            if (segment.Has(TcpFlags.Syn)) SendAck();
            return;
        }
        if (!TakeAcknowledgment(segment)) return;
        TakeData(segment);
        _table.Schedule(this);
    }

    // RFC 9293, 3.10.7.4, first check.
    private bool IsAcceptable(in TcpSegment segment)
    {
        uint window = Math.Max(1, _receiver.AdvertisedWindow), next = _receiver.Next;
        uint last = segment.Sequence + Math.Max(1, segment.SequenceLength) - 1;
        return segment.Sequence - next < window || last - next < window;
    }

    private bool TakeAcknowledgment(in TcpSegment segment)
    {
        uint acknowledgment = segment.Acknowledgment;
        uint window = _offered.WindowShift >= 0 ? (uint)segment.Window << _offered.WindowShift : segment.Window;
        if (Phase == TcpPhase.SynReceived)
        {
            if (acknowledgment != _initial + 1)
            {
                TcpOutput.SendReset(_context.Link, _key, segment);
                return false;
            }
            Establish(window);
        }
        if (_sender.IsBeyond(acknowledgment))
        {
            SendAck();
            return false;
        }
        bool sacks = _offered.SackPermitted && TakeSack(segment.Options);
        bool duplicate = segment.Payload.IsEmpty && !segment.Has(TcpFlags.Fin) && (sacks || window == _sender.Window);
        bool forward = _sender.Acknowledge(acknowledgment, duplicate, _context.NowNs);
        // Of segments that overtook each other only those with the newest acknowledgment tell the window.
        if (acknowledgment == _sender.Unacknowledged) _sender.SetWindow(window);
        if (forward) _timers.Progress(_sender);
        return true;
    }

    // True if there was one.
    private bool TakeSack(ReadOnlySpan<byte> options)
    {
        while (TcpOptions.TryNext(ref options, out byte kind, out ReadOnlySpan<byte> data))
        {
            if (kind != TcpOptions.KindSack) continue;
            for (; data.Length >= 8; data = data[8..])
                _sender.Sack(BinaryPrimitives.ReadUInt32BigEndian(data), BinaryPrimitives.ReadUInt32BigEndian(data[4..]));
            return true;
        }
        return false;
    }

    private void TakeData(in TcpSegment segment)
    {
        bool fin = segment.Has(TcpFlags.Fin);
        if ((segment.Payload.IsEmpty && !fin) || _remote is null) return;
        ReadOnlySpan<byte> payload = segment.Payload;
        // What lies beyond the window is not for us to keep.
        int room = (int)(_receiver.Next + Math.Max(1, _receiver.AdvertisedWindow) - segment.Sequence);
        if (payload.Length > room)
        {
            payload = payload[..Math.Max(0, room)];
            fin = false;
        }
        _latest = segment.Sequence;
        bool inOrder = _receiver.Receive(segment.Sequence, payload, fin, _remote, out bool broken);
        _acknowledge = true;
        if (broken) Abort();
        // Each segment out of order is answered, so that the guest counts them (RFC 5681, 3.2).
        else if (!inOrder) SendAck();
    }

    // False if the remote broke the connection.
    private bool Fill()
    {
        int budget = 256 << 10;
        while (budget > 0 && _sender.Room > 0)
        {
            Span<byte> room = _sender.Writable;
            if (room.IsEmpty) break;
            RemoteRead result = _remote!.Read(room[..Math.Min(room.Length, _sender.Room)], out int count);
            if (result == RemoteRead.Broken) return false;
            if (result == RemoteRead.End) _sender.EndStream();
            if (result != RemoteRead.Data) break;
            _sender.Commit(count);
            budget -= count;
        }
        _sender.Trim();
        if (budget <= 0) _table.Schedule(this);
        return true;
    }

    private void Emit()
    {
        GuestLink link = _context.Link;
        int header = HeaderLength.Tcp + (_key.Guest.IsV4 ? HeaderLength.Ipv4 : HeaderLength.Ipv6);
        int segment = _sender.Segment;
        int largest = link.TakesLargeSegments(_key.Guest.IsV4) ? (GuestLink.LongestPacket - header) / segment * segment : segment;
        while (link.IsReady && _sender.TryNext(largest, out TcpPiece piece))
        {
            _sender.CopyTo(piece.Sequence, link.Begin(_key.Guest.IsV4).Slice(HeaderLength.Tcp, piece.Length));
            TcpFlags flags = TcpFlags.Ack | (piece.Push ? TcpFlags.Psh : 0) | (piece.Fin ? TcpFlags.Fin : 0);
            if (!Send(new(piece.Sequence, _receiver.Next, flags, ScaledWindow()), (0, piece.Length), segment)) break;
            _acknowledge = false;
            _sender.Sent(piece, _context.NowNs);
            if (piece.Fin) _weClosedFirst |= !_receiver.HasEnded;
            _timers.Sent(_sender);
        }
        if (_sender.IsStalled) _timers.Sent(_sender);
        if (!link.IsReady) _table.WaitForLink(this);
    }

    private void SendSyn()
    {
        bool answer = Phase == TcpPhase.SynReceived;
        int header = HeaderLength.Tcp + (_key.Guest.IsV4 ? HeaderLength.Ipv4 : HeaderLength.Ipv6);
        bool scale = !answer || _offered.WindowShift >= 0, sack = !answer || _offered.SackPermitted;
        Span<byte> options = _context.Link.Begin(_key.Guest.IsV4)[HeaderLength.Tcp..];
        int length = TcpOutput.WriteSynOptions(options, _context.Link.Mtu - header, scale ? WindowShift : -1, sack);
        TcpFlags flags = TcpFlags.Syn | (answer ? TcpFlags.Ack : 0);
        uint window = answer ? Math.Min(_receiver.TakeWindow(), ushort.MaxValue) : ushort.MaxValue;
        Send(new(_initial, answer ? _receiver.Next : 0, flags, window), (length, 0));
    }

    private void SendAck()
    {
        int options = 0;
        if (_offered.SackPermitted) options = TcpOutput.WriteSack(_context.Link.Begin(_key.Guest.IsV4)[HeaderLength.Tcp..], _receiver.Early, _latest);
        _acknowledge = !Send(new(_sender.Next, _receiver.Next, TcpFlags.Ack, ScaledWindow()), (options, 0));
        if (_acknowledge && !_context.Link.IsReady) _table.WaitForLink(this);
    }

    private uint ScaledWindow()
    {
        uint window = _receiver.TakeWindow();
        return _offered.WindowShift >= 0 ? window >> WindowShift : window;
    }

    private bool Send(in TcpHeader header, (int Options, int Payload) lengths, int segmentSize = 0)
        => TcpOutput.Send(_context.Link, _key, header, lengths, segmentSize);

    private void CloseIfDone()
    {
        if (Phase != TcpPhase.Open || !_sender.IsFinished || !_receiver.IsDrained) return;
        if (!_weClosedFirst)
        {
            Close(reset: false);
            return;
        }
        Phase = TcpPhase.TimeWait;
        Release(reset: false);
        _timers.ArmTimeWait();
    }
}
