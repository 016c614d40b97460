using System.Buffers.Binary;
using System.Text;
using Doppel.Core.Time;
using Doppel.Devices.Backends.Block;
using Doppel.Host;

namespace Doppel.Devices.Virtio.Block;

/// <summary>Outcome of a request (virtio 1.2, section 5.2.6).</summary>
internal enum BlockStatus : byte
{
    Ok = 0,
    IoError = 1,
    Unsupported = 2,
}

/// <summary>
/// Executes the requests of a block device against its back end (virtio 1.2, section 5.2.6; section numbers here are that document's).
/// Thread contract: as the back end's.
/// </summary>
internal sealed class BlockExecutor(IBlockBackend backend, VirtioBlockOptions options, BlockCounters counters, Action<string> log)
{
    private const int RangeLength = 16;
    private const uint UnmapFlag = 1;

    private readonly byte[] _id = Id(options.Serial);
    private volatile bool _writeThrough;
    private int _reported;
    private int _isFull;

    internal ulong Sectors => (ulong)backend.Length / BlockConfig.SectorSize;

    /// <summary>Every write is stable before its request ends, because the driver does not flush.</summary>
    internal bool WriteThrough
    {
        get => _writeThrough;
        set => _writeThrough = value;
    }

    /// <summary>Executes one request and writes its status.</summary>
    /// <param name="request">The request.</param>
    /// <param name="canWait">True if it may be executed once more, later, where the host has no space for it.</param>
    /// <returns>Nanoseconds that it took; null if it is to be executed once more.</returns>
    internal long? Execute(BlockRequest request, bool canWait)
    {
        long start = HostClock.NowNs;
        BlockStatus status;
        try
        {
            status = Run(request);
        }
        catch (HostException e) when (e.IsOutOfSpace && canWait)
        {
            ReportFull(e);
            return null;
        }
        catch (IOException e)
        {
            status = BlockStatus.IoError;
            Report(e);
        }
        return Finish(request, status, start);
    }

    /// <summary>Tells that nobody waits for space any more.</summary>
    internal void ReportSpace()
    {
        if (Interlocked.Exchange(ref _isFull, 0) != 0) log($"disk {options.Serial}: there is space again; the guest goes on");
    }

    /// <summary>Executes a read if that takes no waiting. False for any other request, and where it would.</summary>
    internal bool TryReadCached(BlockRequest request)
    {
        if (request.Kind != BlockRequestKind.Read || request.Bytes == 0 || !IsInside(request.Sector, request.Bytes)) return false;
        long start = HostClock.NowNs;
        try
        {
            if (!backend.TryReadCached((long)request.Sector * BlockConfig.SectorSize, request.GetWritable())) return false;
        }
        catch (IOException)
        {
            // Whoever reads it the other way finds out what is wrong, and tells.
            return false;
        }
        Finish(request, BlockStatus.Ok, start);
        return true;
    }

    private long Finish(BlockRequest request, BlockStatus status, long start)
    {
        request.Chain.CopyIn(request.StatusOffset, [(byte)status]);
        // Only what was filled without a gap from the front counts (section 2.7.8.2).
        request.Written = status == BlockStatus.Ok || request.StatusOffset == 0 ? request.Chain.WritableLength : 0;
        long ns = HostClock.NowNs - start;
        counters.Add(request.Kind, status == BlockStatus.Ok, request.Bytes, ns);
        return ns;
    }

    private BlockStatus Run(BlockRequest request)
    {
        switch (request.Kind)
        {
            case BlockRequestKind.Read: return Read(request);
            case BlockRequestKind.Write: return backend.IsReadOnly ? BlockStatus.IoError : Write(request);
            case BlockRequestKind.Flush:
                backend.Flush();
                return BlockStatus.Ok;
            case BlockRequestKind.GetId:
                request.Chain.CopyIn(0, _id.AsSpan(0, (int)Math.Min(request.Bytes, VirtioBlockOptions.MaxSerial)));
                return BlockStatus.Ok;
            case BlockRequestKind.Discard or BlockRequestKind.WriteZeroes: return backend.IsReadOnly ? BlockStatus.IoError : ExecuteRanges(request);
            default: return BlockStatus.Unsupported;
        }
    }

    private bool IsInside(ulong sector, ulong bytes) =>
        bytes % BlockConfig.SectorSize == 0 && sector <= Sectors && bytes / BlockConfig.SectorSize <= Sectors - sector;

    private BlockStatus Read(BlockRequest request)
    {
        if (!IsInside(request.Sector, request.Bytes)) return BlockStatus.IoError;
        if (request.Bytes == 0) return BlockStatus.Ok;
        backend.Read((long)request.Sector * BlockConfig.SectorSize, request.GetWritable());
        return BlockStatus.Ok;
    }

    private BlockStatus Write(BlockRequest request)
    {
        if (!IsInside(request.Sector, request.Bytes)) return BlockStatus.IoError;
        if (request.Bytes == 0) return BlockStatus.Ok;
        long offset = (long)request.Sector * BlockConfig.SectorSize;
        ZeroDetection detection = options.DetectZeroes;
        if (detection != ZeroDetection.Off && IsZero(request)) backend.WriteZeroes(offset, request.Bytes, detection == ZeroDetection.Unmap);
        else backend.Write(offset, request.GetReadable());
        if (WriteThrough) backend.Flush();
        return BlockStatus.Ok;
    }

    // A guest that changes its buffer meanwhile gets one or the other, as it would from a disk.
    private static bool IsZero(BlockRequest request)
    {
        uint done = 0;
        while (done < request.Bytes)
        {
            int limit = (int)Math.Min(request.Bytes - done, int.MaxValue);
            if (!request.Chain.TryGetReadable(BlockRequest.HeaderLength + done, limit, out ReadOnlySpan<byte> span)) return false;
            if (span.ContainsAnyExcept((byte)0)) return false;
            done += (uint)span.Length;
        }
        return done != 0;
    }

    // The ranges are checked one by one as they are read, each field once; those before a bad one have taken effect.
    private BlockStatus ExecuteRanges(BlockRequest request)
    {
        uint bytes = request.Bytes;
        if (bytes == 0 || bytes % RangeLength != 0 || bytes / RangeLength > BlockConfig.MaxRanges) return BlockStatus.IoError;
        Span<byte> range = stackalloc byte[RangeLength];
        for (uint offset = 0; offset < bytes; offset += RangeLength)
        {
            request.Chain.CopyOut(BlockRequest.HeaderLength + offset, range);
            BlockStatus status = ExecuteRange(request.Kind, BinaryPrimitives.ReadUInt64LittleEndian(range),
                BinaryPrimitives.ReadUInt32LittleEndian(range[8..]), BinaryPrimitives.ReadUInt32LittleEndian(range[12..]));
            if (status != BlockStatus.Ok) return status;
        }
        if (WriteThrough) backend.Flush();
        return BlockStatus.Ok;
    }

    private BlockStatus ExecuteRange(BlockRequestKind kind, ulong sector, uint sectors, uint flags)
    {
        // Section 5.2.6.2: unknown flags, and unmap in a discard, are not supported; nor is what was not offered.
        uint allowed = kind == BlockRequestKind.WriteZeroes ? UnmapFlag : 0;
        if ((flags & ~allowed) != 0 || (kind == BlockRequestKind.Discard && options.IgnoreDiscard)) return BlockStatus.Unsupported;
        if (sectors > BlockConfig.MaxRangeSectors || !IsInside(sector, (ulong)sectors * BlockConfig.SectorSize)) return BlockStatus.IoError;
        if (sectors == 0) return BlockStatus.Ok;
        long offset = (long)sector * BlockConfig.SectorSize, length = (long)sectors * BlockConfig.SectorSize;
        if (kind == BlockRequestKind.Discard) backend.Discard(offset, length);
        else backend.WriteZeroes(offset, length, (flags & UnmapFlag) != 0 && !options.IgnoreDiscard);
        return BlockStatus.Ok;
    }

    // The guest sees each failure; the host's user is told of the first.
    private void Report(IOException e)
    {
        if (Interlocked.Exchange(ref _reported, 1) != 0) return;
        log($"disk {options.Serial}: {e.Message}; the guest gets an input/output error");
    }

    // Once for all requests, until there was space again for all of them.
    private void ReportFull(HostException e)
    {
        if (Interlocked.Exchange(ref _isFull, 1) != 0) return;
        log($"disk {options.Serial}: {e.Message}; the guest waits: make space on the host, and it goes on by itself");
    }

    // Section 5.2.6: a string of 20 bytes, padded with NUL, without a terminator when it is full.
    private static byte[] Id(string serial)
    {
        byte[] id = new byte[VirtioBlockOptions.MaxSerial];
        byte[] ascii = Encoding.ASCII.GetBytes(serial);
        ascii.AsSpan(0, Math.Min(ascii.Length, id.Length)).CopyTo(id);
        return id;
    }
}
