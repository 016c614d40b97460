using Doppel.Core.Bus;
using Doppel.Devices.Interrupts;
using Doppel.Devices.Power;
using Doppel.Devices.Rtc;
using Doppel.Devices.Serial;
using Doppel.Devices.Virtio.Transport;

namespace Doppel.Boards;

/// <summary>A device's place on the board.</summary>
/// <param name="Name">Name for diagnostics, and of the device-tree node.</param>
/// <param name="Base">First guest-physical address.</param>
/// <param name="Size">Size in bytes.</param>
/// <param name="Irq">Source at the interrupt controller; 0 for none.</param>
/// <param name="Access">Smallest and largest access in bytes.</param>
internal readonly record struct BoardSlot(string Name, ulong Base, ulong Size, int Irq, (int Min, int Max) Access)
{
    /// <summary>The slot as the bus wants it.</summary>
    internal MmioWindow ToWindow() => new(Base, Size, Access.Min, Access.Max, Name);
}

/// <summary>
/// The address map of <c>riscv-virt</c>: the one of the field's well-known "virt" machine, so that kernels, firmware and bare-metal
/// programs made for it run as they are. Bus and device tree are both made from this table.
/// </summary>
internal static class RiscVVirtMap
{
    internal const ulong ResetRomBase = 0x1000, ResetRomSize = 0xF000;
    internal const ulong RamBase = 0x8000_0000;

    /// <summary>Slots that are always there, as programs made for the well-known machine expect.</summary>
    internal const int ClassicVirtioSlots = 8;

    /// <summary>All slots; those after the classic ones exist where a device is in them.</summary>
    internal const int VirtioSlots = 32;

    // The well-known machine's PCIe host bridge has the sources 32 to 35.
    private const int FirstExtraIrq = 36;

    internal static readonly BoardSlot Test = new("test", 0x10_0000, TestFinisher.WindowSize, 0, (2, 4));
    internal static readonly BoardSlot Rtc = new("rtc", 0x10_1000, GoldfishRtc.WindowSize, 11, (4, 4));
    internal static readonly BoardSlot Clint = new("clint", 0x200_0000, Aclint.WindowSize, 0, (4, 8));
    internal static readonly BoardSlot Plic = new("plic", 0xC00_0000, Devices.Interrupts.Plic.WindowSize, 0, (4, 4));
    internal static readonly BoardSlot Uart = new("serial", 0x1000_0000, Uart16550.WindowSize, 10, (1, 1));

    /// <summary>Place of a virtio slot, from 0.</summary>
    internal static BoardSlot Virtio(int slot)
    {
        int irq = slot < ClassicVirtioSlots ? slot + 1 : FirstExtraIrq + slot - ClassicVirtioSlots;
        ulong start = 0x1000_1000 + (VirtioMmioTransport.WindowSize * (ulong)slot);
        return new("virtio_mmio", start, VirtioMmioTransport.WindowSize, irq, (1, 4));
    }
}
