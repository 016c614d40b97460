namespace Doppel.Devices.Backends.Block.Qcow2;

/// <summary>
/// Writes compressed clusters to an image, one behind the other without gaps, so that several share a cluster of the file.
/// Thread contract: one thread at a time; nobody else writes to the image.
/// </summary>
internal sealed class Qcow2CompressedWriter(Qcow2Image image, IImageFile file)
{
    private readonly Qcow2Metadata _metadata = image.Metadata;
    private readonly PinnedBuffer _buffer = new(image.Metadata.Header.ClusterBytes);
    private long _next;

    /// <summary>Writes one cluster of the disk, packed to less than a cluster.</summary>
    internal void Write(long guest, byte[] packed) => image.Change(allocation =>
    {
        int cluster = _metadata.Header.ClusterBytes;
        long place = Reserve(packed.Length, cluster);
        packed.CopyTo(_buffer.Span);
        file.Write(place, _buffer, 0, packed.Length);
        // The last sector is read as a whole.
        long sectorEnd = (place + packed.Length + 511) & ~511L;
        if (file.Length < sectorEnd) file.SetLength(sectorEnd);
        allocation.LinkCompressed(guest, place, packed.Length);
        _next = place + packed.Length;
    });

    // Each compressed cluster counts as one use of every cluster that it touches.
    private long Reserve(int bytes, int cluster)
    {
        int bits = _metadata.Header.ClusterBits;
        long room = (cluster - (_next & (cluster - 1))) & (cluster - 1);
        if (room >= bytes)
        {
            _metadata.Refcounts.Change(_next >> bits, more: true);
            return _next;
        }
        long fresh = _metadata.Refcounts.Allocate(1, out _);
        if (room == 0 || fresh != _next + room) return fresh;
        _metadata.Refcounts.Change(_next >> bits, more: true);
        return _next;
    }
}
