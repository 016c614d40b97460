namespace Doppel.Devices.Backends.Block;

/// <summary>
/// Reads into and writes from memory of ours, which stays until that is done even if nobody needs it afterwards. Thread contract: static, no
/// state.
/// </summary>
internal static class PinnedTransfer
{
    internal static void Read(this IImageFile file, long offset, PinnedBuffer buffer)
    {
        file.Read(offset, [buffer.Slice(0, buffer.Length)]);
        GC.KeepAlive(buffer);
    }

    internal static void Write(this IImageFile file, long offset, PinnedBuffer buffer) => file.Write(offset, buffer, 0, buffer.Length);

    internal static void Write(this IImageFile file, long offset, PinnedBuffer buffer, int start, int length)
    {
        file.Write(offset, [buffer.Slice(start, length)]);
        GC.KeepAlive(buffer);
    }

    internal static void Read(this IBlockBackend disk, long offset, PinnedBuffer buffer, int start, int length)
    {
        disk.Read(offset, [buffer.Slice(start, length)]);
        GC.KeepAlive(buffer);
    }

    internal static void Write(this IBlockBackend disk, long offset, PinnedBuffer buffer, int start, int length)
    {
        disk.Write(offset, [buffer.Slice(start, length)]);
        GC.KeepAlive(buffer);
    }
}
