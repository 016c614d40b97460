namespace Doppel.Host;

/// <summary>What the runtime does not tell of a file. Thread contract: static, no state.</summary>
public static class HostFileKind
{
    /// <summary>
    /// True for a plain file: to open it does not wait, as a pipe does, nor do anything else, as a device may. A link is not followed.
    /// </summary>
    public static bool IsPlain(string path) => IsOf(path, Interop.RegularType);

    /// <summary>True for a Unix domain socket, whether somebody listens on it or not. A link is not followed.</summary>
    public static bool IsSocket(string path) => IsOf(path, Interop.SocketFileType);

    private static bool IsOf(string path, int type)
    {
        byte[] status = new byte[Interop.StatxBytes];
        int result;
        // SAFETY: the buffer has the size of struct statx, which is the same on all architectures.
        unsafe
        {
            fixed (byte* pointer = status) result = Interop.Statx(Interop.AtFdcwd, path, Interop.AtSymlinkNofollow, Interop.StatxType, pointer);
        }
        return result == 0 && (BitConverter.ToUInt16(status, Interop.StatxModeOffset) & Interop.TypeMask) == type;
    }
}
