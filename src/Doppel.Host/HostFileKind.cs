namespace Doppel.Host;

/// <summary>What the runtime does not tell of a file. Thread contract: static, no state.</summary>
public static class HostFileKind
{
    /// <summary>
    /// True for a plain file: to open it does not wait, as a pipe does, nor do anything else, as a device may. A link is not followed.
    /// </summary>
    public static bool IsPlain(string path)
    {
        byte[] status = new byte[Interop.StatxBytes];
        int result;
        // SAFETY: the buffer has the size of struct statx, which is the same on all architectures.
        unsafe
        {
            fixed (byte* pointer = status) result = Interop.Statx(Interop.AtFdcwd, path, Interop.AtSymlinkNofollow, Interop.StatxType, pointer);
        }
        return result == 0 && (BitConverter.ToUInt16(status, Interop.StatxModeOffset) & Interop.TypeMask) == Interop.RegularType;
    }
}
