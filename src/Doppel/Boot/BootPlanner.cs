using Doppel.Boot.Payloads;

namespace Doppel.Boot;

/// <summary>
/// Places firmware, kernel, initial RAM disk and device tree in RAM by the rules that the field's "virt" machine follows: firmware at the
/// start of RAM, a kernel 2 MiB behind, the device tree high but below 3 GiB (some kernels map nothing above before they read it), the
/// RAM disk in the middle, out of the way of a kernel that unpacks itself.
/// </summary>
internal static class BootPlanner
{
    /// <summary>Alignment of kernels and of the device tree: the size of a megapage in Sv39 and wider.</summary>
    internal const ulong LargeAlignment = 2UL << 20;

    private const ulong PageBytes = 4096;
    private const ulong DeviceTreeCeiling = 3UL << 30;
    private const ulong InitrdDistance = 128UL << 20;

    // Firmware adds reserved-memory nodes and fixes up CPUs in place.
    private const ulong DeviceTreeGrowth = 16 << 10;

    /// <summary>Makes the plan.</summary>
    /// <exception cref="VirtualMachineException">Something does not fit; the message says what and how much memory would do.</exception>
    public static BootPlan Plan(BootRequest request)
    {
        BootRange ram = request.Ram;
        BootRange firmware = PlaceFirmware(request);
        ulong kernelBase = 0;
        BootRange kernel = new(firmware.End, 0);
        if (request.Kernel is { } payload)
        {
            kernelBase = payload.IsRelocatable ? KernelBase(payload, request.IsBare ? ram.Start : firmware.End) : 0;
            kernel = RangeOf(payload, kernelBase);
            CheckInside(ram, kernel, payload, "--kernel");
            CheckApart(kernel, firmware, request);
        }
        BootRange tree = PlaceDeviceTree(request, firmware, kernel);
        BootRange initrd = PlaceInitrd(request, firmware, kernel, tree);
        ulong firmwareEntry = request.Firmware is { } file ? file.Entry + (file.IsRelocatable ? ram.Start : 0) : 0;
        return new BootPlan(ram.Start, firmwareEntry, kernelBase, (request.Kernel?.Entry ?? 0) + kernelBase, initrd, tree);
    }

    // The first 2 MiB belong to the firmware even where it stands outside guest memory, so that a kernel finds itself at the same place.
    private static BootRange PlaceFirmware(BootRequest request)
    {
        BootRange ram = request.Ram;
        if (request.IsBare) return new BootRange(ram.Start, 0);
        if (request.Firmware is not { } payload) return new BootRange(ram.Start, LargeAlignment);
        BootRange range = RangeOf(payload, payload.IsRelocatable ? ram.Start : 0);
        CheckInside(ram, range, payload, "--bios");
        return range.Start == ram.Start ? new BootRange(ram.Start, AlignUp(range.Size, LargeAlignment)) : range;
    }

    private static ulong KernelBase(Payload kernel, ulong lowest) => AlignUp(lowest, LargeAlignment) + (kernel.TextOffset % LargeAlignment);

    private static BootRange RangeOf(Payload payload, ulong loadBase) => new(payload.Start + loadBase, payload.End - payload.Start);

    private static BootRange PlaceDeviceTree(BootRequest request, BootRange firmware, BootRange kernel)
    {
        BootRange ram = request.Ram;
        ulong size = AlignUp(request.DeviceTreeBytes + DeviceTreeGrowth, PageBytes);
        ulong ceiling = ram.End > DeviceTreeCeiling && ram.Start < DeviceTreeCeiling ? DeviceTreeCeiling : ram.End;
        for (ulong start = AlignDown(ceiling - Math.Min(size, ceiling), LargeAlignment); start >= ram.Start; start -= LargeAlignment)
        {
            BootRange range = new(start, size);
            if (!Overlap(range, kernel) && !Overlap(range, firmware)) return range;
        }
        throw TooSmall(request, "the device tree", kernel.End - ram.Start + size + LargeAlignment);
    }

    private static BootRange PlaceInitrd(BootRequest request, BootRange firmware, BootRange kernel, BootRange tree)
    {
        if (request.InitrdBytes == 0) return default;
        BootRange ram = request.Ram;
        ulong preferred = kernel.Start + Math.Min(ram.Size / 2, InitrdDistance);
        ReadOnlySpan<ulong> candidates = [Math.Max(preferred, kernel.End), kernel.End, firmware.End, tree.End];
        foreach (ulong candidate in candidates)
        {
            BootRange range = new(AlignUp(candidate, PageBytes), request.InitrdBytes);
            bool inside = range.Start >= ram.Start && range.End <= ram.End && range.End > range.Start;
            if (inside && !Overlap(range, kernel) && !Overlap(range, firmware) && !Overlap(range, tree)) return range;
        }
        ulong needed = Math.Max(kernel.End, firmware.End) - ram.Start + request.InitrdBytes + tree.Size + (2 * LargeAlignment);
        throw TooSmall(request, $"the initial RAM disk of {Megabytes(request.InitrdBytes)} MiB", needed);
    }

    private static void CheckInside(BootRange ram, BootRange range, Payload payload, string option)
    {
        if (range.Start >= ram.Start && range.End <= ram.End && range.End >= range.Start) return;
        string place = $"{option} {payload.Path}: it takes 0x{range.Start:x} to 0x{range.End:x}, RAM goes from 0x{ram.Start:x} to 0x{ram.End:x}; ";
        string advice = range.Start < ram.Start || range.Start >= ram.End + ram.Size
            ? $"link it for an address from 0x{ram.Start:x} on"
            : $"give at least --memory {Megabytes(range.End - ram.Start)}M";
        throw new VirtualMachineException(place + advice);
    }

    private static void CheckApart(BootRange kernel, BootRange firmware, BootRequest request)
    {
        // Built-in firmware keeps nothing in guest memory: a program that is linked for the start of RAM may have it all.
        if (request.Firmware is null || !Overlap(kernel, firmware)) return;
        throw new VirtualMachineException(
            $"--kernel {request.Kernel!.Path}: it takes 0x{kernel.Start:x} to 0x{kernel.End:x}, where the firmware {request.Firmware.Path} stands; " +
            "give it with --bios none if it runs in M-mode, or link it for another address");
    }

    private static VirtualMachineException TooSmall(BootRequest request, string what, ulong needed) =>
        new($"--memory {Megabytes(request.Ram.Size)}M is too small: there is no room for {what} beside the kernel; give at least --memory {Megabytes(needed)}M");

    private static bool Overlap(BootRange a, BootRange b) => a.Start < b.End && b.Start < a.End;

    private static ulong Megabytes(ulong bytes) => (bytes + (1 << 20) - 1) >> 20;

    private static ulong AlignUp(ulong value, ulong alignment) => (value + alignment - 1) & ~(alignment - 1);

    private static ulong AlignDown(ulong value, ulong alignment) => value & ~(alignment - 1);
}
