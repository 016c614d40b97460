namespace Doppel.Host;

/// <summary>What the runtime does not tell of a file, or do with it. Thread contract: static, no state.</summary>
public static class HostFileKind
{
    /// <summary>Gives a file a second name on the same file system (link(2)). False if that cannot be.</summary>
    public static bool TryLink(string path, string newPath) => Interop.Link(path, newPath) == 0;

    /// <summary>
    /// True for a plain file: to open it does not wait, as a pipe does, nor do anything else, as a device may. A link is not followed.
    /// </summary>
    public static bool IsPlain(string path) => TypeOf(path, Interop.AtSymlinkNofollow) == Interop.RegularType;

    /// <summary>True for a Unix domain socket, whether somebody listens on it or not. A link is not followed.</summary>
    public static bool IsSocket(string path) => TypeOf(path, Interop.AtSymlinkNofollow) == Interop.SocketFileType;

    /// <summary>
    /// Says of what there is under a path, if that can never be a disk, what it is. To open a pipe would wait for its other end.
    /// </summary>
    /// <exception cref="HostException">It is neither a plain file nor a block device.</exception>
    internal static void ThrowIfNoDisk(string path)
    {
        if (path.Length == 0) throw new HostException("the name of an image is empty");
        string? kind = TypeOf(path, 0) switch
        {
            Interop.FolderType => "a folder",
            Interop.PipeType => "a pipe",
            Interop.SocketFileType => "a socket",
            Interop.CharacterDeviceType => "a character device",
            _ => null,
        };
        if (kind is not null) throw new HostException($"{path} is {kind}, which holds no disk; give an image file or a block device");
    }

    // Zero for what is not there.
    private static ushort TypeOf(string path, int flags)
    {
        byte[] status = new byte[Interop.StatxBytes];
        int result;
        // SAFETY: the buffer has the size of struct statx, which is the same on all architectures.
        unsafe
        {
            fixed (byte* pointer = status) result = Interop.Statx(Interop.AtFdcwd, path, flags, Interop.StatxType, pointer);
        }
        return result == 0 ? (ushort)(BitConverter.ToUInt16(status, Interop.StatxModeOffset) & Interop.TypeMask) : (ushort)0;
    }
}
