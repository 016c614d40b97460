using System.Buffers.Binary;
using Doppel.Core.Bus;

namespace Doppel.Devices.Virtio.Transport;

/// <summary>
/// A virtio-mmio slot in which no device is: the driver finds device ID zero and goes on (virtio 1.2, section 4.2.3.1.1).
/// Thread contract: stateless.
/// </summary>
public sealed class EmptyVirtioMmio : IMmioDevice
{
    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data)
    {
        data.Clear();
        if (data.Length != 4) return;
        uint value = (MmioRegister)offset switch
        {
            MmioRegister.Magic => VirtioMmioTransport.Magic,
            MmioRegister.Version => VirtioMmioTransport.Version,
            MmioRegister.VendorId => VirtioMmioTransport.VendorId,
            _ => 0,
        };
        BinaryPrimitives.WriteUInt32LittleEndian(data, value);
    }

    /// <inheritdoc/>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
    }
}
