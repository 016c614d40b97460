using System.Globalization;
using Doppel.Boot.DeviceTrees;
using Doppel.Devices.Interrupts;
using Doppel.Devices.Power;
using Doppel.Devices.Rtc;
using Doppel.Devices.Serial;
using Doppel.Devices.Virtio.Transport;

namespace Doppel.Boards;

/// <summary>
/// Describes the board to the guest, from the same table that the bus is made of. Node and property names follow the bindings of the
/// Linux kernel (Documentation/devicetree/bindings).
/// </summary>
internal static class RiscVVirtDeviceTree
{
    internal const string UartPath = "/soc/serial@10000000";

    private const uint PlicPhandle = 1, TestPhandle = 2, FirstCpuPhandle = 16;
    private const uint MachineSoftware = 3, MachineTimer = 7, SupervisorExternal = 9, MachineExternal = 11;
    private const uint CacheBlockBytes = 64;

    // In the canonical order of the ISA string (unprivileged manual, "ISA Extension Naming Conventions").
    private static readonly string[] s_extensions =
    [
        "i", "m", "a", "f", "d", "c",
        "zicbom", "zicboz", "zicntr", "zicond", "zicsr", "zifencei", "zihintpause", "zihpm",
        "zba", "zbb", "zbc", "zbs", "sstc", "svadu", "svinval", "svpbmt",
    ];

    /// <summary>Generates the tree.</summary>
    /// <param name="memoryBytes">Size of RAM.</param>
    /// <param name="cpus">Number of harts.</param>
    /// <param name="seed">Randomness for the guest's first moments; the kernel wipes it.</param>
    /// <param name="virtioSlots">Virtio slots to describe beyond the classic ones.</param>
    public static DeviceTree Create(ulong memoryBytes, int cpus, ReadOnlyMemory<byte> seed, params ReadOnlySpan<int> virtioSlots)
    {
        DeviceTree tree = new();
        DeviceTreeNode root = tree.Root;
        root.SetCells("#address-cells", 2).SetCells("#size-cells", 2).SetStrings("compatible", "riscv-virtio").SetStrings("model", "doppel,riscv-virt");
        root.Add("chosen").SetStrings("stdout-path", UartPath).Set("rng-seed", seed);
        root.Add($"memory@{Hex(RiscVVirtMap.RamBase)}").SetStrings("device_type", "memory").SetQuads("reg", RiscVVirtMap.RamBase, memoryBytes);
        AddCpus(root, cpus);
        DeviceTreeNode soc = root.Add("soc").SetCells("#address-cells", 2).SetCells("#size-cells", 2)
            .SetStrings("compatible", "simple-bus").SetFlag("ranges");
        AddInterruptControllers(soc, cpus);
        AddDevices(soc, virtioSlots);
        AddPower(root);
        return tree;
    }

    private static void AddCpus(DeviceTreeNode root, int count)
    {
        DeviceTreeNode cpus = root.Add("cpus").SetCells("#address-cells", 1).SetCells("#size-cells", 0)
            .SetCells("timebase-frequency", (uint)Aclint.FrequencyHz);
        for (int i = 0; i < count; i++) AddCpu(cpus, (uint)i);
        DeviceTreeNode cluster = cpus.Add("cpu-map").Add("cluster0");
        for (int i = 0; i < count; i++) cluster.Add($"core{i}").SetCells("cpu", CpuPhandle(i));
    }

    private static void AddCpu(DeviceTreeNode cpus, uint hart)
    {
        DeviceTreeNode cpu = cpus.Add($"cpu@{Hex(hart)}").SetStrings("device_type", "cpu").SetCells("reg", hart).SetStrings("status", "okay")
            .SetStrings("compatible", "riscv").SetStrings("riscv,isa", "rv64imafdc_" + string.Join('_', s_extensions[6..]))
            .SetStrings("riscv,isa-base", "rv64i").SetStrings("riscv,isa-extensions", s_extensions)
            .SetStrings("mmu-type", "riscv,sv57")
            .SetCells("riscv,cbom-block-size", CacheBlockBytes).SetCells("riscv,cboz-block-size", CacheBlockBytes)
            .SetCells("phandle", CpuPhandle((int)hart));
        cpu.Add("interrupt-controller").SetCells("#address-cells", 0).SetCells("#interrupt-cells", 1).SetFlag("interrupt-controller")
            .SetStrings("compatible", "riscv,cpu-intc").SetCells("phandle", IntcPhandle((int)hart));
    }

    private static void AddInterruptControllers(DeviceTreeNode soc, int cpus)
    {
        AddNode(soc, RiscVVirtMap.Clint, Aclint.CompatibleSiFive, Aclint.Compatible)
            .SetCells("interrupts-extended", Wires(cpus, MachineSoftware, MachineTimer));
        AddNode(soc, RiscVVirtMap.Plic, Plic.CompatibleSiFive, Plic.Compatible)
            .SetCells("interrupts-extended", Wires(cpus, MachineExternal, SupervisorExternal))
            .SetCells("riscv,ndev", Plic.Sources).SetFlag("interrupt-controller")
            .SetCells("#address-cells", 0).SetCells("#interrupt-cells", 1).SetCells("phandle", PlicPhandle);
    }

    private static void AddDevices(DeviceTreeNode soc, ReadOnlySpan<int> virtioSlots)
    {
        AddNode(soc, RiscVVirtMap.Uart, Uart16550.Compatible).SetCells("clock-frequency", Uart16550.ClockHz);
        AddNode(soc, RiscVVirtMap.Rtc, GoldfishRtc.Compatible);
        for (int i = 0; i < RiscVVirtMap.ClassicVirtioSlots; i++) AddNode(soc, RiscVVirtMap.Virtio(i), VirtioMmioTransport.Compatible);
        foreach (int slot in virtioSlots) AddNode(soc, RiscVVirtMap.Virtio(slot), VirtioMmioTransport.Compatible);
        AddNode(soc, RiscVVirtMap.Test, TestFinisher.Compatible, TestFinisher.CompatibleOld, TestFinisher.CompatibleSyscon)
            .SetCells("phandle", TestPhandle);
    }

    // The kernel reaches the finisher through the generic "syscon" drivers where the firmware offers no reset.
    private static void AddPower(DeviceTreeNode root)
    {
        foreach ((string name, uint value) in ((string, uint)[])[("poweroff", TestFinisher.Pass), ("reboot", TestFinisher.Reboot)])
        {
            root.Add(name).SetStrings("compatible", $"syscon-{name}").SetCells("regmap", TestPhandle).SetCells("offset", 0).SetCells("value", value);
        }
    }

    private static DeviceTreeNode AddNode(DeviceTreeNode parent, BoardSlot slot, params ReadOnlySpan<string> compatible)
    {
        DeviceTreeNode node = parent.Add($"{slot.Name}@{Hex(slot.Base)}").SetStrings("compatible", compatible).SetQuads("reg", slot.Base, slot.Size);
        if (slot.Irq != 0) node.SetCells("interrupt-parent", PlicPhandle).SetCells("interrupts", (uint)slot.Irq);
        return node;
    }

    private static uint[] Wires(int cpus, uint first, uint second)
    {
        uint[] wires = new uint[4 * cpus];
        for (int i = 0; i < cpus; i++) (wires[4 * i], wires[(4 * i) + 1], wires[(4 * i) + 2], wires[(4 * i) + 3]) = (IntcPhandle(i), first, IntcPhandle(i), second);
        return wires;
    }

    private static uint CpuPhandle(int hart) => FirstCpuPhandle + (2 * (uint)hart);

    private static uint IntcPhandle(int hart) => CpuPhandle(hart) + 1;

    private static string Hex(ulong value) => value.ToString("x", CultureInfo.InvariantCulture);
}
