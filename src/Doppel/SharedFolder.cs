namespace Doppel;

/// <summary>
/// A folder of the host that the guest sees (virtio-9p). What the guest makes in it belongs to the user who runs the machine; no name,
/// symbolic link or race leads the guest out of it. Immutable.
/// </summary>
public sealed record SharedFolder
{
    /// <summary>The folder of the host.</summary>
    public required string HostPath { get; init; }

    /// <summary>
    /// Where it appears in the guest: an absolute path. Guests of the library's own images mount it there; others mount <see
    /// cref="Tag"/>.
    /// </summary>
    public required string GuestPath { get; init; }

    /// <summary>True if the guest may change nothing in it, whatever it does to its mount.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>
    /// True if the guest may create device files, which the host allows only to its administrator. Nobody opens them through the share.
    /// </summary>
    public bool AllowDeviceNodes { get; init; }

    /// <summary>
    /// What the guest mounts it by, at most 31 bytes; null for <c>share0</c>, <c>share1</c>, … in the order of the configuration.
    /// </summary>
    public string? Tag { get; init; }
}
