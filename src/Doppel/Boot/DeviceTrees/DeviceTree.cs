namespace Doppel.Boot.DeviceTrees;

/// <summary>A device tree as plain data, in the order in which it is written (Devicetree Specification v0.4, chapter 2).</summary>
internal sealed class DeviceTree
{
    /// <summary>The root node; its name is empty.</summary>
    public DeviceTreeNode Root { get; init; } = new("");

    /// <summary>Stretches of memory that the guest must not use, as (address, size in bytes).</summary>
    public List<(ulong Address, ulong Size)> Reservations { get; } = [];

    /// <summary>Hart number of the CPU that starts first.</summary>
    public uint BootCpu { get; set; }

    /// <summary>Finds a node by its path, such as <c>/soc/serial@10000000</c>; null where there is none.</summary>
    public DeviceTreeNode? Find(string path)
    {
        DeviceTreeNode? node = Root;
        foreach (string part in path.Split('/', StringSplitOptions.RemoveEmptyEntries)) node = node?.Find(part);
        return node;
    }
}
