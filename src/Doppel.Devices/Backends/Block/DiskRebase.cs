using Doppel.Devices.Backends.Block.Qcow2;

namespace Doppel.Devices.Backends.Block;

/// <summary>Puts an overlay over another image. Thread contract: static, no state.</summary>
internal static class DiskRebase
{
    private const int Chunk = 2 << 20;

    /// <summary>Copies into the overlay what would read differently over the new image.</summary>
    internal static void CopyDifferences(Qcow2Image overlay, IBlockBackend? next, IProgress<double>? progress, CancellationToken cancellation)
    {
        PinnedBuffer old = new(Chunk), now = new(Chunk);
        for (long at = 0; at < overlay.Length;)
        {
            cancellation.ThrowIfCancellationRequested();
            Qcow2Run run = overlay.Metadata.Tables.Find(at, overlay.Length - at);
            long length = run.Length;
            if (run.Kind == Qcow2Kind.Unallocated)
            {
                length = Math.Min(length, Chunk - at % Chunk);
                overlay.Read(at, old, 0, (int)length);
                now.Span.Clear();
                BufferCursor cursor = new([now.Slice(0, (int)length)]);
                if (next is not null) BlockTransfer.ReadPadded(next, at, length, ref cursor);
                WriteDifferences(overlay, at, old, now, (int)length);
            }
            at += length;
            progress?.Report((double)at / overlay.Length);
        }
        overlay.Flush();
    }

    private static void WriteDifferences(Qcow2Image overlay, long at, PinnedBuffer old, PinnedBuffer now, int length)
    {
        int cluster = overlay.Metadata.Header.ClusterBytes;
        for (int start = 0; start < length;)
        {
            int end = (int)Math.Min(length, (at + start) / cluster * cluster + cluster - at);
            if (!old.Span[start..end].SequenceEqual(now.Span[start..end])) overlay.Write(at + start, old, start, end - start);
            start = end;
        }
    }
}
