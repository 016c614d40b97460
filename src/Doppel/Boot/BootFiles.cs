using Doppel.Boot.DeviceTrees;
using Doppel.Boot.Payloads;

namespace Doppel.Boot;

/// <summary>
/// The contents of all files that a machine boots from, read and checked when it is switched on; a reboot reads them again. They are tens of
/// megabytes, and are given back as soon as they are in guest memory.
/// </summary>
internal sealed record BootFiles : IDisposable
{
    private const int MaxDeviceTreeBytes = 16 << 20, InitrdAlignment = 4;

    private readonly List<IDisposable> _owned = [];

    /// <summary>Firmware file, or null.</summary>
    public Payload? Firmware { get; private set; }

    /// <summary>Kernel or bare-metal program, or null.</summary>
    public Payload? Kernel { get; private set; }

    /// <summary>
    /// The initial RAM disk and what is appended to it, each with its offset: the kernel takes archives one after the other, each beginning at a
    /// multiple of four bytes, with zeros between. Empty for none.
    /// </summary>
    public IReadOnlyList<(ulong Offset, ReadOnlyMemory<byte> Bytes)> Initrd { get; private set; } = [];

    /// <summary>Length of all of it.</summary>
    public ulong InitrdBytes => Initrd.Count == 0 ? 0 : Initrd[^1].Offset + (ulong)Initrd[^1].Bytes.Length;

    private ReadOnlyMemory<byte>? DeviceTreeBlob { get; set; }

    private string DeviceTreePath { get; init; } = "";

    /// <summary>Reads the files of a configuration.</summary>
    /// <exception cref="VirtualMachineException">A file cannot be read or is malformed; the message says which and why.</exception>
    public static BootFiles Read(VirtualMachineConfig config)
    {
        BootFiles files = new() { DeviceTreePath = config.DeviceTreePath ?? "" };
        try
        {
            files.ReadAll(config);
            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>Gives the contents back; nothing that this object handed out may be used any more.</summary>
    public void Dispose()
    {
        foreach (IDisposable owned in _owned) owned.Dispose();
        _owned.Clear();
    }

    private void ReadAll(VirtualMachineConfig config)
    {
        Firmware = config.Firmware.Path is { } firmware ? PayloadReader.Read(firmware, "--bios", _owned) : null;
        Kernel = config.KernelPath is { } kernel ? PayloadReader.Read(kernel, "--kernel", _owned) : null;
        Initrd = ReadInitrd(config);
        if (config.DeviceTreePath is { } tree) DeviceTreeBlob = PayloadReader.ReadFile(tree, "--dtb", _owned);
        if (DeviceTreeBlob is { Length: > MaxDeviceTreeBytes and var length })
            throw new VirtualMachineException($"--dtb {config.DeviceTreePath}: {length} bytes are too large for a device tree (limit 16 MiB)");
        ReadDeviceTree();
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

    private List<(ulong Offset, ReadOnlyMemory<byte> Bytes)> ReadInitrd(VirtualMachineConfig config)
    {
        IEnumerable<ReadOnlyMemory<byte>> first = config.InitrdPath is { } path ? [PayloadReader.ReadFile(path, "--initrd", _owned)] : [];
        List<(ulong Offset, ReadOnlyMemory<byte> Bytes)> archives = [];
        ulong end = 0;
        foreach (ReadOnlyMemory<byte> archive in first.Concat(config.ExtraInitrds))
        {
            end = (end + InitrdAlignment - 1) & ~(ulong)(InitrdAlignment - 1);
            archives.Add((end, archive));
            end += (ulong)archive.Length;
        }
        return archives;
    }
}
