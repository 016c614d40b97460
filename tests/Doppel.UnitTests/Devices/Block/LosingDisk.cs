using Doppel.Devices.Backends.Block;
using Doppel.Host;

namespace Doppel.UnitTests.Devices.Block;

/// <summary>A raw disk in a <see cref="LosingFile"/>.</summary>
internal sealed class LosingDisk(LosingFile file) : IBlockBackend
{
    public bool IsConcurrent => true;

    public bool IsReadOnly => false;

    public long Length => file.Length;

    public void Read(long offset, ReadOnlySpan<HostBuffer> buffers) => file.Read(offset, buffers);

    public void Write(long offset, ReadOnlySpan<HostBuffer> buffers) => file.Write(offset, buffers);

    public void Flush() => file.Flush();

    public void Discard(long offset, long length)
    {
    }

    public void WriteZeroes(long offset, long length, bool mayUnmap) => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
