using System.Runtime.InteropServices;

namespace Doppel.Host;

/// <summary>Packs by the host's libzstd, where it has one. Thread contract: static, any thread.</summary>
public static class HostZstd
{
    // What the library's own tools and QEMU use.
    private const int Level = 3;

    private static readonly Lazy<bool> s_isAvailable = new(static () => NativeLibrary.TryLoad(Interop.Zstd, out _));

    /// <summary>True if the host has the library.</summary>
    public static bool IsAvailable => s_isAvailable.Value;

    /// <summary>Packs into one frame (RFC 8878).</summary>
    /// <param name="source">What to pack.</param>
    /// <param name="target">Where the frame goes.</param>
    /// <param name="length">Length of the frame in bytes.</param>
    /// <returns>False if it does not fit.</returns>
    /// <exception cref="DllNotFoundException">The host does not have the library.</exception>
    public static bool TryPack(ReadOnlySpan<byte> source, Span<byte> target, out int length)
    {
        nuint result;
        bool fits;
        // SAFETY: the library reads and writes no more than the spans have, which stay where they are meanwhile.
        unsafe
        {
            fixed (byte* from = source, to = target) result = Interop.ZstdCompress(to, (nuint)target.Length, from, (nuint)source.Length, Level);
            fits = Interop.ZstdIsError(result) == 0;
        }
        length = fits ? (int)result : 0;
        return fits;
    }
}
