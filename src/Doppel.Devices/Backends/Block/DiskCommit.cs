using Doppel.Devices.Backends.Block.Qcow2;

namespace Doppel.Devices.Backends.Block;

/// <summary>Writes what an overlay has into the disk below it. Thread contract: static, no state.</summary>
internal static class DiskCommit
{
    private const int Chunk = 2 << 20;

    /// <summary>Copies, and returns when all of it is stable.</summary>
    internal static void Run(Qcow2Image overlay, IBlockBackend below, IProgress<double>? progress, CancellationToken cancellation)
    {
        PinnedBuffer buffer = new(Chunk);
        for (long at = 0; at < overlay.Length;)
        {
            cancellation.ThrowIfCancellationRequested();
            Qcow2Run run = overlay.Metadata.Tables.Find(at, overlay.Length - at);
            long length = run.Length;
            if (run.ReadsAsZero)
            {
                below.WriteZeroes(at, length, mayUnmap: true);
            }
            else if (run.Kind != Qcow2Kind.Unallocated)
            {
                length = Math.Min(length, Chunk);
                overlay.Read(at, buffer, 0, (int)length);
                below.Write(at, buffer, 0, (int)length);
            }
            at += length;
            progress?.Report((double)at / overlay.Length);
        }
        below.Flush();
    }
}
