using Doppel.Core.Time;
using Doppel.Devices.Backends.Net;
using Doppel.Devices.Backends.Net.User;
using Doppel.Devices.Virtio.Net;

namespace Doppel.Boards;

/// <summary>
/// A network of a machine, as the host provides it, reboots included. A switch or an interface of the host goes on while the guest reboots; a
/// network of the guest's own lives in the machine's time and begins anew with it. Thread contract: one owner; ports from any thread.
/// </summary>
internal sealed class BoardNetwork : IDisposable
{
    private readonly NetPort? _port;
    private readonly PcapWriter? _capture;
    private readonly NetImpairmentOptions _impairment;
    private readonly Lock _gate = new();
    private volatile UserNetworkOptions? _user;
    private UserNetworkBackend? _running;

    /// <summary>Creates a network with a back end that goes on, and takes it over.</summary>
    public BoardNetwork(INetBackend backend, PcapWriter? capture, NetImpairmentOptions impairment)
        : this(capture, impairment) => _port = new NetPort(backend);

    /// <summary>Creates a network of the guest's own.</summary>
    public BoardNetwork(UserNetworkOptions user, PcapWriter? capture, NetImpairmentOptions impairment)
        : this(capture, impairment) => _user = user;

    private BoardNetwork(PcapWriter? capture, NetImpairmentOptions impairment)
    {
        _capture = capture;
        _impairment = impairment;
    }

    /// <summary>Address of the guest.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>Pairs of queues of the device.</summary>
    public required int QueuePairs { get; init; }

    /// <summary>Ports of the host that lead to the guest; those that the host chose are known once the device was created.</summary>
    public IReadOnlyList<PublishedPort> Published => _user?.Publishes ?? [];

    /// <summary>Creates the device and what stands between it and the outside.</summary>
    /// <param name="time">The board's time.</param>
    /// <param name="log">Receives one line when the guest's driver is to blame for something.</param>
    /// <param name="stages">Receives what is to be disposed, in order, after the device.</param>
    /// <exception cref="Host.HostException">A port can not be published.</exception>
    public VirtioNet CreateDevice(MachineTime time, Action<string> log, List<IDisposable> stages)
    {
        INetBackend backend = _port ?? OpenUser(time, stages);
        if (!_impairment.IsNone) stages.Add(backend = new NetImpairment(backend, _impairment, time));
        if (_capture is not null) stages.Add(backend = new NetCapture(backend, _capture, time));
        return new VirtioNet(backend, Mac, QueuePairs, time, log);
    }

    /// <summary>True if it is a user network: others publish no ports.</summary>
    public bool IsUser => _user is not null;

    /// <summary>Opens one more port of the host, which stays open when the guest reboots.</summary>
    /// <exception cref="Host.HostException">The host does not let us, or nothing runs now; the message says why and what to do.</exception>
    public PublishedPort Publish(PublishedPort port)
    {
        lock (_gate)
        {
            PublishedPort opened = _running?.Publish(port) ?? throw new Host.HostException($"Cannot publish {port}: the machine has not started");
            _user = _user! with { Publishes = [.. _user.Publishes, opened] };
            return opened;
        }
    }

    /// <summary>Closes a port to new clients. False if it is not published.</summary>
    public bool Unpublish(PublishedPort port)
    {
        lock (_gate)
        {
            if (_user is not { } user || !user.Publishes.Contains(port)) return false;
            _running?.Unpublish(port);
            _user = user with { Publishes = [.. user.Publishes.Where(p => p != port)] };
            return true;
        }
    }

    /// <summary>The device has gone.</summary>
    public void Detach() => _port?.Detach();

    /// <summary>Ends the network.</summary>
    public void Dispose()
    {
        _port?.Dispose();
        _capture?.Dispose();
    }

    private INetBackend OpenUser(MachineTime time, List<IDisposable> stages)
    {
        lock (_gate)
        {
            _running = new UserNetworkBackend(_user!, time);
            stages.Add(_running);
            // A port that the host chose stays the same when the guest reboots.
            _user = _user! with { Publishes = _running.Published };
            return _running;
        }
    }
}
