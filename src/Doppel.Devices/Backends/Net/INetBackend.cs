namespace Doppel.Devices.Backends.Net;

/// <summary>
/// Where the frames of a network device go. A frame is an Ethernet frame without its check sequence; where it is to be cut
/// (<see cref="NetOffload.Segmentation"/>) it is up to 64 KiB of payload and its headers long.
/// Thread contract: <see cref="Attach"/> once, before everything else; <see cref="Transmit"/> and <see cref="ReceiveReady"/> from any
/// thread, each one at a time; <see cref="IDisposable.Dispose"/> last. None of them blocks for long.
/// </summary>
public interface INetBackend : IDisposable
{
    /// <summary>What the back end takes from the device, and what it may hand to it.</summary>
    NetCapabilities Capabilities { get; }

    /// <summary>Connects the device. The back end hands nothing in before.</summary>
    void Attach(INetReceiver device);

    /// <summary>Takes a frame, or drops it, as a network may. The frame is the caller's again afterwards.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="offload">What the sender has left to do; never more than <see cref="Capabilities"/> has.</param>
    void Transmit(ReadOnlySpan<byte> frame, in NetOffload offload);

    /// <summary>The device has buffers again after <see cref="INetReceiver.TryReceive"/> returned false.</summary>
    void ReceiveReady();

    /// <summary>The guest's driver has come, gone or changed its mind: <see cref="INetReceiver.Capabilities"/> may be others now.</summary>
    void ReceiverChanged()
    {
    }
}

/// <summary>
/// The device as its back end sees it. Thread contract: <see cref="TryReceive"/> from any thread, one at a time, never from inside
/// <see cref="INetBackend.Transmit"/>; it may call no back end.
/// </summary>
public interface INetReceiver
{
    /// <summary>What the guest takes at present: no offload before its driver has chosen. It may change at any time.</summary>
    NetCapabilities Capabilities { get; }

    /// <summary>Hands a frame to the guest. One that the guest can not take at all is dropped, and counts as taken.</summary>
    /// <param name="frame">The frame, of at least a header of Ethernet.</param>
    /// <param name="offload">What is left to do; the device drops a frame whose offload the guest does not take.</param>
    /// <returns>False if the guest has no buffer now: keep the frame until <see cref="INetBackend.ReceiveReady"/>, or drop it.</returns>
    bool TryReceive(ReadOnlySpan<byte> frame, in NetOffload offload);
}
