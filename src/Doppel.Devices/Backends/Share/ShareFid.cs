using Doppel.Host.Shares;

namespace Doppel.Devices.Backends.Share;

/// <summary>An extended attribute that is being read or written.</summary>
/// <param name="Name">Its name; empty for the list of names.</param>
/// <param name="Value">The value, or room for it.</param>
/// <param name="Flags">What has to be there when it is written (setxattr(2)).</param>
/// <param name="IsWritten">True if it is being written.</param>
internal sealed record ShareAttribute(byte[] Name, byte[] Value, int Flags, bool IsWritten)
{
    /// <summary>Bytes of the value that the guest has sent.</summary>
    internal uint Filled { get; set; }
}

/// <summary>A handle of the guest's. Thread contract: one thread at a time.</summary>
internal sealed class ShareFid(uint number, ShareNode node, uint uid)
{
    /// <summary>The number that no handle has.</summary>
    internal const uint None = uint.MaxValue;

    internal uint Number { get; } = number;

    /// <summary>User of the guest who attached.</summary>
    internal uint Uid { get; } = uid;

    internal ShareNode Node { get; set; } = node;

    /// <summary>The open file or folder.</summary>
    internal HostOpenFile? File { get; set; }

    /// <summary>How it was opened.</summary>
    internal HostOpenFlags Flags { get; set; }

    /// <summary>Where the guest is in the open folder.</summary>
    internal ShareFolderReader? Folder { get; set; }

    internal ShareAttribute? Attribute { get; set; }

    /// <summary>True if the handle only stands for a place.</summary>
    internal bool IsPlain => File is null && Attribute is null;
}
