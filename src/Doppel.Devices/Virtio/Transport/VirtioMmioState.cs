namespace Doppel.Devices.Virtio.Transport;

/// <summary>All guest-visible state of a <see cref="VirtioMmioTransport"/> apart from its queues: plain data.</summary>
public struct VirtioMmioState
{
    /// <summary>Device status as the driver wrote it (virtio 1.2, section 2.1).</summary>
    public uint Status;

    /// <summary>The device is in an error state that only a reset ends.</summary>
    public bool NeedsReset;

    /// <summary>Interrupt causes: bit 0 used buffers, bit 1 configuration.</summary>
    public uint InterruptStatus;

    /// <summary>Feature bits that the driver chose.</summary>
    public ulong DriverFeatures;

    /// <summary>Selector registers.</summary>
    public uint DeviceFeaturesSelect, DriverFeaturesSelect, QueueSelect;
}
