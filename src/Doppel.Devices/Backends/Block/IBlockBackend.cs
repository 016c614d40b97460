using Doppel.Host;

namespace Doppel.Devices.Backends.Block;

/// <summary>
/// Where the contents of a disk are kept: a linear array of bytes. What can not be done is an <see cref="IOException"/>; the caller has
/// checked the range. Thread contract: one thread at a time, or several where <see cref="IsConcurrent"/> says so; what overlapping transfers give
/// that are under way at the same time is not defined, sector by sector.
/// </summary>
public interface IBlockBackend : IDisposable
{
    /// <summary>Size in bytes.</summary>
    long Length { get; }

    /// <summary>True if nothing may be written.</summary>
    bool IsReadOnly { get; }

    /// <summary>True if all members but <see cref="IDisposable.Dispose"/> may be called by several threads at the same time.</summary>
    bool IsConcurrent => false;

    /// <summary>What the guest is told about sizes.</summary>
    BlockLimits Limits => BlockLimits.Usual;

    /// <summary>Fills the buffers, in order, from one stretch.</summary>
    void Read(long offset, ReadOnlySpan<HostBuffer> buffers);

    /// <summary>Fills the buffers as <see cref="Read"/> does, if that takes no waiting for storage or for other threads that do.</summary>
    /// <returns>False if it would; the buffers then hold anything.</returns>
    bool TryReadCached(long offset, ReadOnlySpan<HostBuffer> buffers) => false;

    /// <summary>Writes the buffers, in order, to one stretch; they are stable after the next <see cref="Flush"/>.</summary>
    void Write(long offset, ReadOnlySpan<HostBuffer> buffers);

    /// <summary>Returns when all is on stable storage whose write had ended before the call.</summary>
    void Flush();

    /// <summary>Takes note that a stretch is not needed any more; what it reads as afterwards is undefined.</summary>
    void Discard(long offset, long length);

    /// <summary>Makes a stretch read as zero.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Length in bytes.</param>
    /// <param name="mayUnmap">True if its space may be given back.</param>
    void WriteZeroes(long offset, long length, bool mayUnmap);
}
