namespace Doppel.Devices.Backends.Net;

/// <summary>
/// Where a network device is plugged in: it outlives the device, so that a guest can start anew on a back end that goes on. While nothing is
/// plugged in, frames to the guest are dropped. Thread contract: all members from any thread; a device is plugged in or out by one.
/// </summary>
public sealed class NetPort : INetBackend, INetReceiver
{
    private readonly INetBackend _backend;
    private volatile INetReceiver? _device;

    /// <summary>Creates the port in front of a back end, which it owns.</summary>
    public NetPort(INetBackend backend)
    {
        _backend = backend;
        backend.Attach(this);
    }

    /// <inheritdoc cref="INetBackend.Capabilities"/>
    public NetCapabilities Capabilities => _backend.Capabilities;

    /// <inheritdoc/>
    NetCapabilities INetReceiver.Capabilities => _device?.Capabilities ?? NetCapabilities.Plain;

    /// <summary>Plugs a device in, in the place of the one before.</summary>
    public void Attach(INetReceiver device) => _device = device;

    /// <inheritdoc/>
    public void Transmit(ReadOnlySpan<byte> frame, in NetOffload offload) => _backend.Transmit(frame, offload);

    /// <inheritdoc/>
    public void ReceiveReady() => _backend.ReceiveReady();

    /// <inheritdoc/>
    public void ReceiverChanged() => _backend.ReceiverChanged();

    /// <inheritdoc/>
    public bool TryReceive(ReadOnlySpan<byte> frame, in NetOffload offload) => _device is not { } device || device.TryReceive(frame, offload);

    /// <summary>Pulls the device out.</summary>
    public void Detach() => _device = null;

    /// <inheritdoc/>
    public void Dispose()
    {
        _device = null;
        _backend.Dispose();
    }
}
