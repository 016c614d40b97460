using Doppel.Boot.DeviceTrees;
using Doppel.Boot.Payloads;

namespace Doppel.Boot;

/// <summary>
/// The contents of all files that a machine boots from, read and checked when it is switched on; a reboot reads them again.
/// </summary>
internal sealed record BootFiles
{
    private const int MaxDeviceTreeBytes = 16 << 20;

    /// <summary>Firmware file, or null.</summary>
    public Payload? Firmware { get; private init; }

    /// <summary>Kernel or bare-metal program, or null.</summary>
    public Payload? Kernel { get; private init; }

    /// <summary>The initial RAM disk and what is appended to it; empty for none.</summary>
    public ReadOnlyMemory<byte> Initrd { get; private init; }

    private byte[]? DeviceTreeBlob { get; init; }

    private string DeviceTreePath { get; init; } = "";

    /// <summary>Reads the files of a configuration.</summary>
    /// <exception cref="VirtualMachineException">A file cannot be read or is malformed; the message says which and why.</exception>
    public static BootFiles Read(VirtualMachineConfig config)
    {
        BootFiles files = new()
        {
            Firmware = config.Firmware.Path is { } firmware ? PayloadReader.Read(firmware, "--bios") : null,
            Kernel = config.KernelPath is { } kernel ? PayloadReader.Read(kernel, "--kernel") : null,
            Initrd = ReadInitrd(config),
            DeviceTreeBlob = config.DeviceTreePath is { } tree ? PayloadReader.ReadFile(tree, "--dtb") : null,
            DeviceTreePath = config.DeviceTreePath ?? "",
        };
        if (files.DeviceTreeBlob?.Length > MaxDeviceTreeBytes)
            throw new VirtualMachineException($"--dtb {config.DeviceTreePath}: {files.DeviceTreeBlob.Length} bytes are too large for a device tree (limit 16 MiB)");
        files.ReadDeviceTree();
        return files;
    }

    /// <summary>The user's device tree as data that may be changed; null if there is none.</summary>
    /// <exception cref="VirtualMachineException">The file is malformed.</exception>
    public DeviceTree? ReadDeviceTree()
    {
        if (DeviceTreeBlob is not { } blob) return null;
        try
        {
            return DeviceTreeReader.Read(blob);
        }
        catch (FormatException e)
        {
            throw new VirtualMachineException($"--dtb {DeviceTreePath}: not a device tree: {e.Message}; compile source with dtc first", e);
        }
    }

    // The kernel takes archives one after the other, each beginning at a multiple of four bytes, with zeros between.
    private static ReadOnlyMemory<byte> ReadInitrd(VirtualMachineConfig config)
    {
        ReadOnlyMemory<byte> first = config.InitrdPath is { } path ? PayloadReader.ReadFile(path, "--initrd") : ReadOnlyMemory<byte>.Empty;
        if (config.ExtraInitrds.Count == 0) return first;
        using MemoryStream all = new();
        foreach (ReadOnlyMemory<byte> archive in (IEnumerable<ReadOnlyMemory<byte>>)[first, .. config.ExtraInitrds])
        {
            while ((all.Length & 3) != 0) all.WriteByte(0);
            all.Write(archive.Span);
        }
        return all.ToArray();
    }
}
