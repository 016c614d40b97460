using Doppel.Core.Time;

namespace Doppel.Devices.Backends.Net;

/// <summary>
/// Writes down what passes between a device and its back end, as the guest sees it. Thread contract: as <see cref="INetBackend"/> and
/// <see cref="INetReceiver"/>. Neither the back end nor the file is its own.
/// </summary>
public sealed class NetCapture(INetBackend backend, PcapWriter file, MachineTime time) : INetBackend, INetReceiver
{
    private INetReceiver? _device;

    /// <inheritdoc cref="INetBackend.Capabilities"/>
    public NetCapabilities Capabilities => backend.Capabilities;

    /// <inheritdoc/>
    NetCapabilities INetReceiver.Capabilities => _device!.Capabilities;

    /// <inheritdoc/>
    public void Attach(INetReceiver device)
    {
        _device = device;
        backend.Attach(this);
    }

    /// <inheritdoc/>
    public void Transmit(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        file.Write(time.WallClockNs, frame, offload);
        backend.Transmit(frame, offload);
    }

    /// <inheritdoc/>
    public bool TryReceive(ReadOnlySpan<byte> frame, in NetOffload offload)
    {
        long now = time.WallClockNs;
        if (!_device!.TryReceive(frame, offload)) return false;
        if (frame.Length <= VnetHeader.MaxFrame) file.Write(now, frame, offload);
        return true;
    }

    /// <inheritdoc/>
    public void ReceiveReady() => backend.ReceiveReady();

    /// <inheritdoc/>
    public void ReceiverChanged() => backend.ReceiverChanged();

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
