namespace Doppel.Devices.Backends.Net;

/// <summary>
/// A cable whose far end is the program that embeds the machine: it sees each frame that the guest sends, and sends frames of its own.
/// Thread contract: as <see cref="INetBackend"/>; <see cref="TrySend"/> from any thread, one at a time.
/// </summary>
public sealed class LoopbackNetBackend : INetBackend
{
    private readonly NetFrameHandler _handler;
    private readonly Action? _ready;
    private INetReceiver? _device;

    /// <summary>Creates the cable.</summary>
    /// <param name="handler">Receives each frame, on the thread that sends it; the frame is gone when it returns.</param>
    /// <param name="capabilities">What the handler takes.</param>
    /// <param name="ready">Called when the guest has buffers again after a frame could not be sent.</param>
    public LoopbackNetBackend(NetFrameHandler handler, NetCapabilities capabilities, Action? ready = null)
    {
        _handler = handler;
        _ready = ready;
        Capabilities = capabilities;
    }

    /// <inheritdoc/>
    public NetCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public void Attach(INetReceiver device) => _device = device;

    /// <inheritdoc/>
    public void Transmit(ReadOnlySpan<byte> frame, in NetOffload offload) => _handler(frame, offload);

    /// <inheritdoc/>
    public void ReceiveReady() => _ready?.Invoke();

    /// <summary>Sends a frame to the guest.</summary>
    /// <returns>False if it has no buffer now, or no machine is connected.</returns>
    public bool TrySend(ReadOnlySpan<byte> frame, in NetOffload offload = default) => _device is { } device && device.TryReceive(frame, offload);

    /// <inheritdoc/>
    public void Dispose() => _device = null;
}

/// <summary>Receives a frame.</summary>
/// <param name="frame">The frame, for the time of the call.</param>
/// <param name="offload">What is left to do with it.</param>
public delegate void NetFrameHandler(ReadOnlySpan<byte> frame, in NetOffload offload);
