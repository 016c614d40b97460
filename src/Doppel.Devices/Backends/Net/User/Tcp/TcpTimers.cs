using Doppel.Devices.Backends.Net.User.Link;

namespace Doppel.Devices.Backends.Net.User.Tcp;

/// <summary>
/// The timers of a connection, all on one alarm: retransmission, zero-window probes, keep-alive, the end of "time wait".
/// Thread contract: the event loop's thread.
/// </summary>
internal sealed class TcpTimers
{
    private const long SecondNs = 1_000_000_000;
    private const long SynRetryNs = SecondNs / 4;
    private const long PatientSynRetryNs = SecondNs;
    private const long SynReceivedLimitNs = 30 * SecondNs;
    // A machine may be booting: that long clients of published ports wait.
    private const long SynSentLimitNs = 120 * SecondNs;
    private const long KeepAliveAfterNs = 7200 * SecondNs;
    private const long KeepAliveEveryNs = 75 * SecondNs;
    private const int MostKeepAlives = 9;
    private const int MostRetransmissions = 12;
    private const long LongestProbeNs = 60 * SecondNs;
    private const long TimeWaitNs = 10 * SecondNs;

    private readonly TcpConnection _connection;
    private readonly StackContext _context;
    private readonly Alarm _alarm;
    private readonly long _bornNs;
    private long _heardNs;
    private long _synNs;
    private long _retransmitNs = long.MaxValue;
    private long _keepAliveNs = long.MaxValue;
    private int _tries;
    private int _keepAlives;

    internal TcpTimers(TcpConnection connection, StackContext context)
    {
        _connection = connection;
        _context = context;
        _alarm = new Alarm(Fire);
        _bornNs = _heardNs = context.NowNs;
    }

    /// <summary>Our SYN went to the guest.</summary>
    internal void ArmSyn(long timeoutNs)
    {
        _synNs = _context.NowNs;
        Retransmit(_connection.Phase == TcpPhase.SynReceived ? timeoutNs : SynRetryNs);
    }

    internal void Established(TcpSender sender)
    {
        // A handshake that went wrong once measures nothing.
        if (_tries == 0) sender.MeasureRoundTrip(_context.NowNs - _synNs);
        _tries = 0;
        _retransmitNs = long.MaxValue;
        _keepAliveNs = _context.NowNs + KeepAliveAfterNs;
        Set();
    }

    /// <summary>The guest sent something: it lives. The alarm finds that out when it goes off.</summary>
    internal void Heard()
    {
        _heardNs = _context.NowNs;
        _keepAlives = 0;
    }

    /// <summary>Something is under way: its acknowledgment is waited for.</summary>
    internal void Sent(TcpSender sender)
    {
        if (_retransmitNs == long.MaxValue) Retransmit(sender.TimeoutNs);
    }

    /// <summary>The guest acknowledged something new (RFC 6298, 5.3).</summary>
    internal void Progress(TcpSender sender)
    {
        _tries = 0;
        _retransmitNs = long.MaxValue;
        if (sender.IsInFlight) Retransmit(sender.TimeoutNs);
    }

    internal void ArmTimeWait()
    {
        _keepAliveNs = long.MaxValue;
        Retransmit(TimeWaitNs);
    }

    internal void Stop() => _context.Alarms.Remove(_alarm);

    private void Retransmit(long afterNs)
    {
        _retransmitNs = _context.NowNs + afterNs;
        Set();
    }

    private void Set() => _context.Alarms.Set(_alarm, Math.Min(_retransmitNs, _keepAliveNs));

    private void Fire()
    {
        if (_context.NowNs >= _retransmitNs) FireRetransmit();
        if (_connection.Phase == TcpPhase.Closed) return;
        if (_context.NowNs >= _keepAliveNs) FireKeepAlive();
        if (_connection.Phase != TcpPhase.Closed) Set();
    }

    private void FireRetransmit()
    {
        _retransmitNs = long.MaxValue;
        if (_connection.Phase == TcpPhase.TimeWait)
        {
            _connection.Close(reset: false);
            return;
        }
        _tries++;
        if (HasGivenUp())
        {
            _connection.Abort();
            return;
        }
        if (_connection.Retransmit() && _connection.Phase != TcpPhase.Closed) Retransmit(NextWaitNs());
    }

    private bool HasGivenUp()
    {
        long age = _context.NowNs - _bornNs;
        return _connection.Phase switch
        {
            TcpPhase.SynReceived => age > SynReceivedLimitNs,
            TcpPhase.SynSent => age > SynSentLimitNs,
            // A guest that answers probes may keep its window closed as long as it likes (RFC 9293, 3.8.6.1).
            _ => _tries > MostRetransmissions && _context.NowNs - _heardNs > LongestProbeNs * 2,
        };
    }

    private long NextWaitNs() => _connection.Phase switch
    {
        TcpPhase.SynSent => _context.NowNs - _bornNs < 5 * SecondNs ? SynRetryNs : PatientSynRetryNs,
        TcpPhase.SynReceived => SecondNs << Math.Min(_tries, 4),
        _ => Math.Min(LongestProbeNs, Math.Max(_connection.Sender.TimeoutNs, (SecondNs / 5) << Math.Min(_tries, 9))),
    };

    private void FireKeepAlive()
    {
        long quiet = _context.NowNs - _heardNs;
        if (quiet < KeepAliveAfterNs)
        {
            _keepAliveNs = _heardNs + KeepAliveAfterNs;
            return;
        }
        if (++_keepAlives > MostKeepAlives)
        {
            _connection.Abort();
            return;
        }
        _connection.SendProbe();
        _keepAliveNs = _context.NowNs + KeepAliveEveryNs;
    }
}
