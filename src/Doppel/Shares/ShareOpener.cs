using Doppel.Boards;
using Doppel.Devices.Backends.Share;
using Doppel.Host.Shares;

namespace Doppel.Shares;

/// <summary>Opens the folders that a machine shares. Thread contract: stateless.</summary>
internal static class ShareOpener
{
    // The rest of the process's descriptors is for all else it does.
    private const int DescriptorPart = 4, MostDescriptors = 1 << 16;

    /// <summary>Opens one folder.</summary>
    /// <param name="shares">The machine's valid configuration.</param>
    /// <param name="index">Which of its folders.</param>
    /// <exception cref="VirtualMachineException">The folder is not there, or can not be opened.</exception>
    public static BoardShare Open(IReadOnlyList<SharedFolder> shares, int index)
    {
        SharedFolder share = shares[index];
        int error = HostEntry.TryOpenFolder(share.HostPath, out HostEntry? root);
        if (error != 0) throw new VirtualMachineException($"--share {share.HostPath}:{share.GuestPath}: {Reason(error, share.HostPath)}");
        ShareOptions options = new()
        {
            IsReadOnly = share.IsReadOnly,
            AllowDeviceNodes = share.AllowDeviceNodes,
            MaxDescriptors = Math.Min(MostDescriptors, HostIdentity.MaxDescriptors / DescriptorPart / shares.Count),
        };
        return new BoardShare(root!, options, ShareRules.TagOf(shares, index));
    }

    private static string Reason(int error, string path) => error switch
    {
        Errno.ENOENT => $"the host has no folder {path}; create it with mkdir, or correct the name",
        Errno.ENOTDIR => $"{path} is not a folder; share the folder that it is in",
        Errno.EACCES => $"permission denied to open {path}; share a folder that you may read",
        _ => $"{path} can not be opened (errno {error})",
    };
}
