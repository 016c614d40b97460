using Doppel.Core.Memory;
using Doppel.Devices.Virtio.Queue;

namespace Doppel.Devices.Virtio;

/// <summary>
/// What a virtio device is, apart from how it is reached. Thread contract: <see cref="Activate"/> and <see cref="Reset"/> one at a time;
/// all other members from any thread; devices lock for themselves, and never call their transport under a lock that
/// <see cref="Reset"/> waits for, other than as <see cref="IVirtioTransport"/> allows.
/// </summary>
public interface IVirtioDevice : IDisposable
{
    /// <summary>Device ID (virtio 1.2, chapter 5).</summary>
    uint DeviceId { get; }

    /// <summary>Feature bits that this device offers beyond those of queues and transport.</summary>
    ulong Features { get; }

    /// <summary>The largest size of each queue, powers of two; as many entries as there are queues.</summary>
    IReadOnlyList<ushort> QueueSizes { get; }

    /// <summary>Changes whenever the device changes its configuration.</summary>
    uint ConfigGeneration { get; }

    /// <summary>Connects the device to its transport, once, before the machine runs.</summary>
    void Attach(IVirtioTransport transport);

    /// <summary>Reads configuration; bytes beyond it are zero.</summary>
    void ReadConfig(uint offset, Span<byte> data);

    /// <summary>Writes configuration; bytes that are read-only are left alone.</summary>
    void WriteConfig(uint offset, ReadOnlySpan<byte> data);

    /// <summary>The driver is ready (DRIVER_OK); the queues may be used from here on.</summary>
    /// <param name="features">Feature bits that both sides agreed on.</param>
    void Activate(ulong features);

    /// <summary>The driver has put requests on a queue; or has made the queue ready, with requests on it or not.</summary>
    void Notify(int queue);

    /// <summary>
    /// A queue was stopped and is about to be reset: returns when the device does not touch guest memory any more for requests that it has taken from it.
    /// A device that works on requests only while it holds the queue's lock has nothing to do. Not called under that lock.
    /// </summary>
    void DrainQueue(int queue)
    {
    }

    /// <summary>
    /// The guest stands still, and its time: returns when the device has ended what it had begun, so that neither guest memory nor back end
    /// change any more. A device that works on requests only within calls and callbacks of the machine's time has nothing to do.
    /// </summary>
    void Quiesce()
    {
    }

    /// <summary>The guest and its time are about to go on. A device that does the same while they stand still has nothing to do.</summary>
    void Resume()
    {
    }

    /// <summary>Back to the state before the driver came. The queues are reset afterwards; interrupts are off already.</summary>
    void Reset();
}

/// <summary>
/// What a virtio device sees of the way it is reached. Thread contract: all members from any thread; the methods take no lock that is held
/// during a call into the device, and may be called under any lock of the device's.
/// </summary>
public interface IVirtioTransport
{
    /// <summary>Guest memory.</summary>
    GuestMemory Memory { get; }

    /// <summary>The device's queues.</summary>
    IReadOnlyList<VirtQueue> Queues { get; }

    /// <summary>Interrupts the driver for a queue's used buffers. Ask <see cref="VirtQueue.NeedsSignal"/> first.</summary>
    void SignalQueue(int queue);

    /// <summary>Interrupts the driver for changed configuration.</summary>
    void SignalConfigChange();
}
