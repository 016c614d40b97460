namespace Doppel.Host;

/// <summary>What a file takes of the storage. Thread contract: static, no state.</summary>
public static class HostFileSpace
{
    private const uint Blocks = 0x400;
    private const int BlocksOffset = 48, BlockBytes = 512;

    /// <summary>Bytes of storage that a file takes: less than its length where it has holes. Null if the host does not tell.</summary>
    public static long? Of(string path)
    {
        byte[] status = new byte[Interop.StatxBytes];
        int result;
        // SAFETY: the buffer has the size of struct statx, which is the same on all architectures.
        unsafe
        {
            fixed (byte* pointer = status) result = Interop.Statx(Interop.AtFdcwd, path, 0, Blocks, pointer);
        }
        return result == 0 ? BitConverter.ToInt64(status, BlocksOffset) * BlockBytes : null;
    }
}
