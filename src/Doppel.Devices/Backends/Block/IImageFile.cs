using Doppel.Host;

namespace Doppel.Devices.Backends.Block;

/// <summary>
/// The file below an image format. What lies beyond its end reads as zero, and a write there makes it longer. What can not be done is an
/// <see cref="IOException"/>. Thread contract: all members but <see cref="IDisposable.Dispose"/> from any thread; one thread at a time
/// makes the file longer or shorter.
/// </summary>
internal interface IImageFile : IDisposable
{
    /// <summary>What to call it in messages.</summary>
    string Path { get; }

    /// <summary>Length in bytes now.</summary>
    long Length { get; }

    /// <summary>Fills the buffers, in order, from one stretch.</summary>
    void Read(long offset, ReadOnlySpan<HostBuffer> buffers);

    /// <summary>Fills the buffers as <see cref="Read"/> does if that needs no waiting for storage; false if it would.</summary>
    bool TryReadCached(long offset, ReadOnlySpan<HostBuffer> buffers);

    /// <summary>Writes the buffers, in order, to one stretch; stable after the next <see cref="Flush"/>, in any order before.</summary>
    void Write(long offset, ReadOnlySpan<HostBuffer> buffers);

    /// <summary>Returns when all is on stable storage whose write had ended before the call.</summary>
    void Flush();

    /// <summary>Makes the file longer, with zeroes, or shorter.</summary>
    void SetLength(long length);

    /// <summary>Gives the space of a stretch back, which then reads as zero; false where that can not be done.</summary>
    bool TryPunchHole(long offset, long length);
}
