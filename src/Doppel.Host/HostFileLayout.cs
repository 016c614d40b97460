using Microsoft.Win32.SafeHandles;

namespace Doppel.Host;

/// <summary>How a file wants to be accessed. Thread contract: immutable.</summary>
/// <param name="BlockSize">Size of a block of the file system, in bytes: what is written in such pieces is not read first.</param>
/// <param name="OffsetAlignment">What offsets and lengths must be multiples of where the host's cache is bypassed.</param>
/// <param name="MemoryAlignment">What addresses must be multiples of there.</param>
internal readonly record struct HostFileLayout(int BlockSize, int OffsetAlignment, int MemoryAlignment)
{
    // Good everywhere; only file systems that can tell allow less.
    private const int Usual = 4096;

    internal static HostFileLayout Of(SafeFileHandle handle)
    {
        byte[] status = new byte[Interop.StatxBytes];
        int result;
        // SAFETY: the buffer has the size of struct statx, which is the same on all architectures.
        unsafe
        {
            fixed (byte* pointer = status) result = Interop.Statx(handle, "", Interop.AtEmptyPath, Interop.StatxDirectAlignment, pointer);
        }
        if (result != 0) return new HostFileLayout(Usual, Usual, Usual);
        bool tells = (BitConverter.ToUInt32(status, 0) & Interop.StatxDirectAlignment) != 0;
        return new HostFileLayout(
            PowerOfTwo(BitConverter.ToInt32(status, Interop.StatxBlockSizeOffset)),
            PowerOfTwo(tells ? BitConverter.ToInt32(status, Interop.StatxOffsetAlignmentOffset) : 0),
            PowerOfTwo(tells ? BitConverter.ToInt32(status, Interop.StatxMemoryAlignmentOffset) : 0));
    }

    private static int PowerOfTwo(int value) => int.IsPow2(value) ? Math.Clamp(value, 512, 1 << 20) : Usual;
}
