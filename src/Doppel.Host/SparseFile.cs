using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Doppel.Host;

/// <summary>A stretch of a file that holds data; what is between stretches reads as zero and takes no space.</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Length in bytes.</param>
public readonly record struct FileStretch(long Offset, long Length);

/// <summary>Files with holes, such as disk images. Thread contract: stateless.</summary>
public static class SparseFile
{
    private const int CopyChunk = 1 << 20;

    /// <summary>Creates a file of zeroes that takes no space.</summary>
    /// <param name="path">Path of the file; one that is there is replaced.</param>
    /// <param name="length">Length in bytes.</param>
    /// <exception cref="IOException">It can not be written.</exception>
    public static void Create(string path, long length)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        RandomAccess.SetLength(file, length);
    }

    /// <summary>
    /// Copies a file with its holes; where the file system can share the blocks of both until one is written to, nothing is copied.
    /// </summary>
    /// <param name="from">Path of the file.</param>
    /// <param name="to">Path of the copy, which must not be there.</param>
    /// <param name="cancellation">Stops the copy; what is there of it is left.</param>
    /// <exception cref="IOException">One of them can not be opened, read or written.</exception>
    public static void Clone(string from, string to, CancellationToken cancellation = default)
    {
        using SafeFileHandle source = File.OpenHandle(from);
        using SafeFileHandle target = File.OpenHandle(to, FileMode.CreateNew, FileAccess.ReadWrite);
        if (Interop.FileClone(target, Interop.Ficlone, source) == 0) return;
        RandomAccess.SetLength(target, RandomAccess.GetLength(source));
        byte[] buffer = new byte[CopyChunk];
        foreach (FileStretch stretch in Data(source))
        {
            for (long at = stretch.Offset, end = at + stretch.Length; at < end;)
            {
                cancellation.ThrowIfCancellationRequested();
                int count = RandomAccess.Read(source, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at)), at);
                if (count == 0) throw new HostException($"{from} has become shorter while it was copied");
                RandomAccess.Write(target, buffer.AsSpan(0, count), at);
                at += count;
            }
        }
    }

    /// <summary>The stretches of a file that hold data, in order. On a file system that knows no holes it is all of the file.</summary>
    /// <exception cref="HostException">The file can not be looked at.</exception>
    public static IEnumerable<FileStretch> Data(SafeFileHandle file)
    {
        long length = RandomAccess.GetLength(file);
        for (long at = 0; at < length;)
        {
            long start = Interop.Lseek(file, at, Interop.SeekData);
            int errno = start < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (errno == Interop.Enxio) yield break;
            if (errno == Interop.Einval) start = at;
            else if (errno != 0) throw HostException.FromErrno("lseek", "a disk image");
            long end = Interop.Lseek(file, start, Interop.SeekHole);
            if (end <= start) end = length;
            yield return new FileStretch(start, Math.Min(end, length) - start);
            at = end;
        }
    }
}
