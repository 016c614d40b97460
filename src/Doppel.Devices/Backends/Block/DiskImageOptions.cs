using Doppel.Host;

namespace Doppel.Devices.Backends.Block;

/// <summary>How an image is opened.</summary>
public sealed record DiskImageOptions
{
    /// <summary>True to open it for reading only, together with others who do.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>
    /// Name of its format: <c>raw</c>, <c>qcow2</c>, <c>vpc</c>, <c>vmdk</c>, <c>vdi</c>. Null: as the ending of its name has it, else raw.
    /// </summary>
    public string? Format { get; init; }

    /// <summary>
    /// True to leave the image as it is: what is written goes to a temporary overlay and is lost when the disk is closed.
    /// </summary>
    public bool Snapshot { get; init; }

    /// <summary>What the host's cache does for it.</summary>
    public HostFileCache Cache { get; init; }
}
