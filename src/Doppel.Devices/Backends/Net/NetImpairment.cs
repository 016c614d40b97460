using Doppel.Core.Time;

namespace Doppel.Devices.Backends.Net;

/// <summary>
/// A bad network between a device and its back end: delay, jitter, loss, duplicates, reordering, a limited rate. Nothing is left to cut on it,
/// so that each frame on the wire has a fate of its own.
/// Thread contract: as <see cref="INetBackend"/> and <see cref="INetReceiver"/>; frames move on as events of the machine's time. The back end
/// is not its own.
/// </summary>
public sealed class NetImpairment : INetBackend, INetReceiver
{
    private readonly INetBackend _backend;
    private readonly NetPipe _out;
    private readonly NetPipe _in;
    private INetReceiver? _device;

    /// <summary>Creates the network.</summary>
    /// <param name="backend">What is behind it.</param>
    /// <param name="options">How bad it is.</param>
    /// <param name="time">The machine's time.</param>
    public NetImpairment(INetBackend backend, NetImpairmentOptions options, MachineTime time)
    {
        _backend = backend;
        _out = new NetPipe(options, 0, time, Leave);
        _in = new NetPipe(options, 1, time, (ReadOnlySpan<byte> frame, in NetOffload offload) => _device!.TryReceive(frame, offload));
    }

    /// <inheritdoc cref="INetBackend.Capabilities"/>
    public NetCapabilities Capabilities => Whole(_backend.Capabilities);

    /// <inheritdoc/>
    NetCapabilities INetReceiver.Capabilities => Whole(_device!.Capabilities);

    /// <inheritdoc/>
    public void Attach(INetReceiver device)
    {
        _device = device;
        _backend.Attach(this);
    }

    /// <inheritdoc/>
    public void Transmit(ReadOnlySpan<byte> frame, in NetOffload offload) => _out.Send(frame, offload);

    /// <inheritdoc/>
    public bool TryReceive(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        _in.Send(frame, offload);
        return true;
    }

    /// <inheritdoc/>
    public void ReceiveReady() => _in.Ready();

    /// <inheritdoc/>
    public void ReceiverChanged() => _backend.ReceiverChanged();

    /// <summary>Loses all that is on its way.</summary>
    public void Dispose()
    {
        _out.Close();
        _in.Close();
    }

    private static NetCapabilities Whole(NetCapabilities all) => all with { Tcp4 = false, Tcp6 = false, Udp = false };

    private bool Leave(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        _backend.Transmit(frame, offload);
        return true;
    }
}
