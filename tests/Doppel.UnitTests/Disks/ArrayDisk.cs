using Doppel.Devices.Backends.Block;
using Doppel.Host;

namespace Doppel.UnitTests.Disks;

/// <summary>A disk that is an array of bytes, for reading.</summary>
internal sealed class ArrayDisk(byte[] content) : IBlockBackend
{
    public long Length => content.Length;

    public bool IsReadOnly => true;

    public void Read(long offset, ReadOnlySpan<HostBuffer> buffers)
    {
        foreach (HostBuffer buffer in buffers)
        {
            content.AsSpan((int)offset, (int)buffer.Length).CopyTo(buffer.AsSpan());
            offset += (long)buffer.Length;
        }
    }

    public void Write(long offset, ReadOnlySpan<HostBuffer> buffers) => throw new IOException("the disk below was written to");

    public void Flush() => throw new IOException("the disk below was flushed");

    public void Discard(long offset, long length) => throw new IOException("the disk below was written to");

    public void WriteZeroes(long offset, long length, bool mayUnmap) => throw new IOException("the disk below was written to");

    public void Dispose()
    {
        // Nothing is open.
    }
}
