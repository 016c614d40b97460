using System.Runtime.InteropServices;

namespace Doppel.Host;

/// <summary>What Doppel calls of libzstd 1 (BSD licence), which Debian's own package manager needs and other hosts may lack.</summary>
internal static unsafe partial class Interop
{
    internal const string Zstd = "libzstd.so.1";

    [LibraryImport(Zstd, EntryPoint = "ZSTD_compress")]
    internal static partial nuint ZstdCompress(byte* target, nuint capacity, byte* source, nuint length, int level);

    [LibraryImport(Zstd, EntryPoint = "ZSTD_isError")]
    internal static partial uint ZstdIsError(nuint result);
}
