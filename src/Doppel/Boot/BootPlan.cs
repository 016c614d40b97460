using Doppel.Boot.Payloads;

namespace Doppel.Boot;

/// <summary>Where things stand in guest memory, in bytes.</summary>
internal readonly record struct BootRange(ulong Start, ulong Size)
{
    /// <summary>First address behind the range.</summary>
    public ulong End => Start + Size;
}

/// <summary>What has to find room in RAM.</summary>
internal sealed record BootRequest(BootRange Ram)
{
    /// <summary>Firmware file that runs in M-mode, if there is one.</summary>
    public Payload? Firmware { get; init; }

    /// <summary>True if the kernel is entered in M-mode without firmware: nothing stands before it in RAM.</summary>
    public bool IsBare { get; init; }

    /// <summary>Kernel or bare-metal program.</summary>
    public Payload? Kernel { get; init; }

    /// <summary>Size of the initial RAM disk in bytes; 0 for none.</summary>
    public ulong InitrdBytes { get; init; }

    /// <summary>Size of the flattened device tree in bytes.</summary>
    public ulong DeviceTreeBytes { get; init; }
}

/// <summary>Where everything goes: start addresses and entries.</summary>
/// <param name="FirmwareBase">Load address of relocatable firmware.</param>
/// <param name="FirmwareEntry">Where M-mode begins, if there is a firmware file.</param>
/// <param name="KernelBase">Load address of a relocatable kernel.</param>
/// <param name="KernelEntry">Where the kernel begins.</param>
/// <param name="Initrd">The initial RAM disk; size 0 for none.</param>
/// <param name="DeviceTree">The device tree and the room that firmware has to let it grow.</param>
internal sealed record BootPlan(
    ulong FirmwareBase, ulong FirmwareEntry, ulong KernelBase, ulong KernelEntry, BootRange Initrd, BootRange DeviceTree);
