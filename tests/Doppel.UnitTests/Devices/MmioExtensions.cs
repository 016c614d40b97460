using System.Buffers.Binary;
using Doppel.Core.Bus;

namespace Doppel.UnitTests.Devices;

/// <summary>What a driver does to a device: loads and stores.</summary>
internal static class MmioExtensions
{
    internal static byte Read8(this IMmioDevice device, ulong offset)
    {
        Span<byte> data = stackalloc byte[1];
        device.Read(offset, data);
        return data[0];
    }

    internal static uint Read32(this IMmioDevice device, ulong offset)
    {
        Span<byte> data = stackalloc byte[4];
        device.Read(offset, data);
        return BinaryPrimitives.ReadUInt32LittleEndian(data);
    }

    internal static ulong Read64(this IMmioDevice device, ulong offset)
    {
        Span<byte> data = stackalloc byte[8];
        device.Read(offset, data);
        return BinaryPrimitives.ReadUInt64LittleEndian(data);
    }

    internal static void Write8(this IMmioDevice device, ulong offset, byte value) => device.Write(offset, [value]);

    internal static void Write32(this IMmioDevice device, ulong offset, uint value)
    {
        Span<byte> data = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(data, value);
        device.Write(offset, data);
    }

    internal static void Write64(this IMmioDevice device, ulong offset, ulong value)
    {
        Span<byte> data = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(data, value);
        device.Write(offset, data);
    }
}
