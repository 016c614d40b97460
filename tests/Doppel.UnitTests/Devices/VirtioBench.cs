using Doppel.Core.Bus;
using Doppel.Core.Memory;
using Doppel.Devices.Virtio;
using Doppel.Devices.Virtio.Transport;

namespace Doppel.UnitTests.Devices;

/// <summary>A virtio device on its transport with guest memory, and a driver to talk to it.</summary>
internal sealed class VirtioBench : IDisposable
{
    internal const ulong Ram = 0x8000_0000, RamSize = 0x10_0000;
    internal const ulong Version1 = 1UL << 32, EventIndex = 1UL << 29, Indirect = 1UL << 28, RingReset = 1UL << 40;
    private const ulong QueueArea = Ram + 0x8_0000, QueueStride = 0x4000;

    internal VirtioBench(IVirtioDevice device)
    {
        Device = device;
        Transport = new VirtioMmioTransport(device, Irq, Memory, Log.Add);
    }

    internal GuestMemory Memory { get; } = new(new RamRegion(Ram, RamSize, ReadOnly: false, "test"));

    internal IVirtioDevice Device { get; }

    internal VirtioMmioTransport Transport { get; }

    internal IrqLine Irq { get; } = IrqLine.CreateUnconnected();

    internal List<string> Log { get; } = [];

    internal uint Status => Transport.Read32(0x070);

    public void Dispose()
    {
        Device.Dispose();
        Memory.Dispose();
    }

    /// <summary>The steps of virtio 1.2 section 3.1.1, as far as the queues.</summary>
    internal void Negotiate(ulong features)
    {
        Transport.Write32(0x070, 0);
        Transport.Write32(0x070, 1);
        Transport.Write32(0x070, 3);
        Transport.Write32(0x024, 0);
        Transport.Write32(0x020, (uint)features);
        Transport.Write32(0x024, 1);
        Transport.Write32(0x020, (uint)(features >> 32));
        Transport.Write32(0x070, 11);
    }

    internal DriverQueue CreateQueue(int index, ushort size = 16) => new(Memory, Transport, index, size, QueueArea + ((ulong)index * QueueStride));

    internal void Start() => Transport.Write32(0x070, 15);

    internal byte[] Read(ulong gpa, int length)
    {
        byte[] data = new byte[length];
        Assert.True(Memory.TryRead(gpa, data));
        return data;
    }

    internal ulong ReadFeatures()
    {
        Transport.Write32(0x014, 0);
        ulong low = Transport.Read32(0x010);
        Transport.Write32(0x014, 1);
        return low | ((ulong)Transport.Read32(0x010) << 32);
    }
}
