namespace Doppel.Devices.Backends.Block;

/// <summary>Formats of image files.</summary>
public enum DiskFormat
{
    /// <summary>Byte n of the disk is byte n of the file.</summary>
    Raw,

    /// <summary>QEMU's format, versions 2 and 3.</summary>
    Qcow2,

    /// <summary>Virtual PC and Hyper-V, first generation; for reading.</summary>
    Vhd,

    /// <summary>VMware, in one file; for reading.</summary>
    Vmdk,

    /// <summary>VirtualBox; for reading.</summary>
    Vdi,
}
