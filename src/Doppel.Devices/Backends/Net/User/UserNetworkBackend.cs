using System.Collections.Concurrent;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Net.User.Link;
using Doppel.Host;

namespace Doppel.Devices.Backends.Net.User;

/// <summary>
/// A private network for the guest without privileges: DHCP, a name server, a router that carries the guest's TCP and UDP over sockets of
/// this process, and published ports that lead in. One thread, the event loop, does everything; frames reach it through a ring.
/// Thread contract: as <see cref="INetBackend"/>.
/// </summary>
public sealed class UserNetworkBackend : INetBackend
{
    private const int MostFramesAtOnce = 256;
    private const int RoomTries = 4;
    private const int RoomWaitMs = 5;

    private readonly MachineTime _time;
    private readonly MachineTimer _timer;
    private readonly SocketLoop _sockets = new();
    private readonly FrameRing _frames = new();
    private readonly ConcurrentQueue<Action> _requests = new();
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _room = new(0);
    private readonly UserNetwork _network;
    private readonly Thread _thread;
    private readonly int _mtu;
    private volatile IReadOnlyList<PublishedPort> _published;
    private bool _attached;
    private long _armedNs = long.MaxValue;
    private int _sleeping;
    private int _waitsForRoom;
    private int _timerDue;
    private volatile bool _receiveReady;
    private volatile bool _stopped;

    /// <summary>Opens the published ports. Nothing runs before <see cref="Attach"/>.</summary>
    /// <param name="options">How the network looks.</param>
    /// <param name="time">The machine's time, for all timeouts: a paused machine loses no connection to them.</param>
    /// <exception cref="ArgumentException">The options contradict each other; the message says how.</exception>
    /// <exception cref="HostException">A port can not be published; the message says why and what to do.</exception>
    public UserNetworkBackend(UserNetworkOptions options, MachineTime time)
    {
        _time = time;
        _mtu = options.Mtu;
        List<Publisher> publishers = [];
        try
        {
            options.ToPlan();
            foreach (PublishedPort port in options.Publishes) publishers.Add(Publisher.Listen(port));
        }
        catch
        {
            foreach (Publisher publisher in publishers) publisher.Dispose();
            _sockets.Dispose();
            throw;
        }
        _published = [.. publishers.Select(static p => p.Port)];
        _network = new UserNetwork(options, _sockets, publishers);
        _timer = time.CreateTimer(TimerDue);
        _thread = new Thread(Loop) { IsBackground = true, Name = "doppel-usernet" };
    }

    /// <summary>What is published, with the ports that the host chose. From any thread.</summary>
    public IReadOnlyList<PublishedPort> Published => _published;

    /// <inheritdoc/>
    public NetCapabilities Capabilities => NetCapabilities.All with { Mtu = _mtu };

    /// <inheritdoc/>
    public void Attach(INetReceiver device)
    {
        _network.Context.Link.Attach(device);
        lock (_gate) _attached = true;
        _thread.Start();
    }

    /// <summary>Opens one more port. From any thread.</summary>
    /// <returns>The port, with the number that the host chose where it was to.</returns>
    /// <exception cref="HostException">It can not be published; the message says why and what to do.</exception>
    public PublishedPort Publish(PublishedPort port)
    {
        Publisher publisher = Publisher.Listen(port);
        bool done = TryDo(() =>
        {
            _network.Add(publisher);
            _published = [.. _published, publisher.Port];
        });
        if (done) return publisher.Port;
        publisher.Dispose();
        throw new HostException($"Cannot publish {port}: the network has ended");
    }

    /// <summary>Closes a port to new clients; connections that are open stay so. From any thread.</summary>
    /// <param name="port">One of <see cref="Published"/>.</param>
    /// <returns>False if it is not published.</returns>
    public bool Unpublish(PublishedPort port)
    {
        bool found = false;
        TryDo(() =>
        {
            found = _network.Remove(port);
            _published = [.. _published.Where(p => p != port)];
        });
        return found;
    }

    /// <inheritdoc/>
    public void Transmit(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        if (frame.Length > FrameRing.LongestFrame) return;
        bool written = _frames.TryWrite(frame, offload);
        // The loop is behind: the guest's queue should fill, and its senders wait, rather than lose frames.
        for (int i = 0; !written && i < RoomTries && !_stopped; i++)
        {
            Volatile.Write(ref _waitsForRoom, 1);
            Wake();
            if (!_frames.TryWrite(frame, offload)) _room.Wait(RoomWaitMs);
            else written = true;
            written = written || _frames.TryWrite(frame, offload);
        }
        Wake();
    }

    /// <inheritdoc/>
    public void ReceiveReady()
    {
        _receiveReady = true;
        Wake();
    }

    /// <summary>Ends all connections and closes the published ports.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_stopped) return;
            _stopped = true;
        }
        _timer.Disarm();
        _sockets.Wake();
        if (_thread.ThreadState.HasFlag(ThreadState.Unstarted)) Close();
        else _thread.Join();
        _room.Dispose();
    }

    // Has the loop do something, and waits until that is done. False if the loop has ended, or is about to.
    private bool TryDo(Action action)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_stopped) return false;
            if (!_attached)
            {
                action();
                return true;
            }
            _requests.Enqueue(() =>
            {
                action();
                done.SetResult();
            });
        }
        Wake();
        done.Task.GetAwaiter().GetResult();
        return true;
    }

    private void TimerDue()
    {
        Volatile.Write(ref _timerDue, 1);
        _sockets.Wake();
    }

    // Only a loop that sleeps, or is about to, needs to be told.
    private void Wake()
    {
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _sleeping) != 0 && Interlocked.Exchange(ref _sleeping, 0) != 0) _sockets.Wake();
    }

    private void Loop()
    {
        while (!_stopped)
        {
            _network.Context.NowNs = _time.NowNs;
            _network.Context.Link.Refresh();
            TakeRequests();
            TakeFrames();
            _receiveReady = false;
            _network.Pump();
            RunAlarms();
            Wait();
        }
        Close();
    }

    private void TakeRequests()
    {
        while (_requests.TryDequeue(out Action? request)) request();
    }

    private void TakeFrames()
    {
        for (int i = 0; i < MostFramesAtOnce && _frames.TryPeek(out ReadOnlySpan<byte> frame, out NetOffload offload); i++)
        {
            _network.Input(frame, offload);
            _frames.Release();
        }
        if (Volatile.Read(ref _waitsForRoom) != 0 && Interlocked.Exchange(ref _waitsForRoom, 0) != 0) _room.Release();
    }

    private void RunAlarms()
    {
        AlarmQueue alarms = _network.Context.Alarms;
        if (Interlocked.Exchange(ref _timerDue, 0) != 0) _armedNs = long.MaxValue;
        alarms.Run(_network.Context.NowNs);
        // A timer that goes off too early only costs a look; moving it back each time would cost more.
        if (alarms.Next >= _armedNs) return;
        _armedNs = alarms.Next;
        _timer.Arm(_armedNs);
    }

    private void Wait()
    {
        Volatile.Write(ref _sleeping, 1);
        Interlocked.MemoryBarrier();
        bool busy = !_frames.IsEmpty || !_requests.IsEmpty || _receiveReady || _network.HasWork || _stopped;
        _sockets.Wait(busy ? 0 : -1);
        Volatile.Write(ref _sleeping, 0);
    }

    private void Close()
    {
        TakeRequests();
        _network.Dispose();
        _sockets.Dispose();
    }
}
