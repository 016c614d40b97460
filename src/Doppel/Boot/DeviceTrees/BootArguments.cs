using System.Globalization;

namespace Doppel.Boot.DeviceTrees;

/// <summary>Writes what a boot loader tells a kernel into a tree: <c>/chosen</c> and <c>/memory</c>.</summary>
internal static class BootArguments
{
    /// <summary>Sets the kernel command line; an empty one leaves what the tree says.</summary>
    public static void SetCommandLine(DeviceTree tree, string commandLine)
    {
        if (commandLine.Length > 0) tree.Root.FindOrAdd("chosen").SetStrings("bootargs", commandLine);
    }

    /// <summary>Says where the initial RAM disk stands; of size zero, that there is none.</summary>
    public static void SetInitrd(DeviceTree tree, BootRange initrd)
    {
        DeviceTreeNode chosen = tree.Root.FindOrAdd("chosen");
        chosen.Remove("linux,initrd-start");
        chosen.Remove("linux,initrd-end");
        if (initrd.Size == 0) return;
        chosen.SetQuads("linux,initrd-start", initrd.Start).SetQuads("linux,initrd-end", initrd.End);
    }

    /// <summary>Replaces the description of RAM, with the cell sizes that the tree uses.</summary>
    /// <exception cref="FormatException">The tree's cells are too small for the addresses.</exception>
    public static void SetMemory(DeviceTree tree, BootRange ram)
    {
        tree.Root.RemoveChildren(static n => n.Name is "memory" || n.Name.StartsWith("memory@", StringComparison.Ordinal));
        List<uint> reg = [];
        AddCells(reg, ram.Start, Cells(tree.Root, "#address-cells", 2));
        AddCells(reg, ram.Size, Cells(tree.Root, "#size-cells", 1));
        tree.Root.Add($"memory@{ram.Start.ToString("x", CultureInfo.InvariantCulture)}").SetStrings("device_type", "memory").SetCells("reg", [.. reg]);
    }

    // Devicetree Specification v0.4, 2.3.5: the defaults are two and one.
    private static int Cells(DeviceTreeNode root, string name, int missing)
    {
        if (root.Get(name) is not { Length: 4 } value) return missing;
        byte last = value.Span[3];
        return value.Span[..3].IndexOfAnyExcept((byte)0) < 0 && last is 1 or 2 ? last : throw new FormatException($"its root node has an unusable {name}");
    }

    private static void AddCells(List<uint> reg, ulong value, int cells)
    {
        if (cells == 1 && value > uint.MaxValue) throw new FormatException($"its root node has cells too small for 0x{value:x}");
        if (cells == 2) reg.Add((uint)(value >> 32));
        reg.Add((uint)value);
    }
}
