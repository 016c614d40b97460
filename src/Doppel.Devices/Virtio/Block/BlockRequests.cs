using System.Buffers.Binary;
using System.Text;
using Doppel.Devices.Backends.Block;
using Doppel.Devices.Virtio.Queue;
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
/// Thread contract: one thread at a time.
/// </summary>
internal sealed class BlockRequests(IBlockBackend backend, string serial, Action<string> log)
{
    internal const int HeaderLength = 16;
    private const int IdLength = 20, RangeLength = 16;
    private const uint TypeIn = 0, TypeOut = 1, TypeFlush = 4, TypeGetId = 8, TypeDiscard = 11, TypeWriteZeroes = 13;
    private const uint UnmapFlag = 1;

    private readonly HostBuffer[] _buffers = new HostBuffer[VirtQueueChain.MaxSegments];
    private readonly byte[] _id = Id(serial);
    private bool _reported;

    internal ulong Sectors => (ulong)backend.Length / BlockConfig.SectorSize;

    /// <summary>Every write is stable before its request ends, because the driver does not flush.</summary>
    internal bool WriteThrough { get; set; }

    /// <summary>Executes one request and writes its status.</summary>
    /// <returns>Bytes written from the front of the writable part, or null for a request that has no header or no place for a status.</returns>
    internal uint? Execute(VirtQueueChain chain)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        if (chain.CopyOut(0, header) != HeaderLength || chain.WritableLength == 0) return null;
        uint type = BinaryPrimitives.ReadUInt32LittleEndian(header);
        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        uint room = chain.WritableLength - 1;
        BlockStatus status;
        try
        {
            status = Execute(chain, type, sector, room);
        }
        catch (IOException e)
        {
            status = BlockStatus.IoError;
            Report(e);
        }
        chain.CopyIn(room, [(byte)status]);
        // Only what was filled without a gap from the front counts (section 2.7.8.2).
        return status == BlockStatus.Ok || room == 0 ? chain.WritableLength : 0;
    }

    private BlockStatus Execute(VirtQueueChain chain, uint type, ulong sector, uint room)
    {
        switch (type)
        {
            case TypeIn: return Read(chain, sector, room);
            case TypeOut: return backend.IsReadOnly ? BlockStatus.IoError : Write(chain, sector);
            case TypeFlush:
                backend.Flush();
                return BlockStatus.Ok;
            case TypeGetId:
                chain.CopyIn(0, _id.AsSpan(0, (int)Math.Min(room, IdLength)));
                return BlockStatus.Ok;
            case TypeDiscard or TypeWriteZeroes: return backend.IsReadOnly ? BlockStatus.IoError : ExecuteRanges(chain, type);
            default: return BlockStatus.Unsupported;
        }
    }

    private bool IsInside(ulong sector, ulong bytes) =>
        bytes % BlockConfig.SectorSize == 0 && sector <= Sectors && bytes / BlockConfig.SectorSize <= Sectors - sector;

    private BlockStatus Read(VirtQueueChain chain, ulong sector, uint length)
    {
        if (!IsInside(sector, length)) return BlockStatus.IoError;
        int count = chain.GetWritableBuffers(0, length, _buffers);
        backend.Read((long)sector * BlockConfig.SectorSize, _buffers.AsSpan(0, count));
        return BlockStatus.Ok;
    }

    private BlockStatus Write(VirtQueueChain chain, ulong sector)
    {
        uint length = chain.ReadableLength - HeaderLength;
        if (!IsInside(sector, length)) return BlockStatus.IoError;
        int count = chain.GetReadableBuffers(HeaderLength, length, _buffers);
        backend.Write((long)sector * BlockConfig.SectorSize, _buffers.AsSpan(0, count));
        if (WriteThrough) backend.Flush();
        return BlockStatus.Ok;
    }

    // The ranges are checked one by one as they are read, each field once; those before a bad one have taken effect.
    private BlockStatus ExecuteRanges(VirtQueueChain chain, uint type)
    {
        uint bytes = chain.ReadableLength - HeaderLength;
        if (bytes == 0 || bytes % RangeLength != 0 || bytes / RangeLength > BlockConfig.MaxRanges) return BlockStatus.IoError;
        Span<byte> range = stackalloc byte[RangeLength];
        for (uint offset = 0; offset < bytes; offset += RangeLength)
        {
            chain.CopyOut(HeaderLength + offset, range);
            BlockStatus status = ExecuteRange(type, BinaryPrimitives.ReadUInt64LittleEndian(range),
                BinaryPrimitives.ReadUInt32LittleEndian(range[8..]), BinaryPrimitives.ReadUInt32LittleEndian(range[12..]));
            if (status != BlockStatus.Ok) return status;
        }
        if (WriteThrough) backend.Flush();
        return BlockStatus.Ok;
    }

    private BlockStatus ExecuteRange(uint type, ulong sector, uint sectors, uint flags)
    {
        // Section 5.2.6.2: unknown flags, and unmap in a discard, are not supported.
        uint allowed = type == TypeWriteZeroes ? UnmapFlag : 0;
        if ((flags & ~allowed) != 0) return BlockStatus.Unsupported;
        if (sectors > BlockConfig.MaxRangeSectors || !IsInside(sector, (ulong)sectors * BlockConfig.SectorSize)) return BlockStatus.IoError;
        if (sectors == 0) return BlockStatus.Ok;
        long offset = (long)sector * BlockConfig.SectorSize, length = (long)sectors * BlockConfig.SectorSize;
        if (type == TypeDiscard) backend.Discard(offset, length);
        else backend.WriteZeroes(offset, length, (flags & UnmapFlag) != 0);
        return BlockStatus.Ok;
    }

    // The guest sees each failure; the host's user is told of the first.
    private void Report(IOException e)
    {
        if (_reported) return;
        _reported = true;
        log($"disk {serial}: {e.Message}; the guest gets an input/output error");
    }

    // Section 5.2.6: a string of 20 bytes, padded with NUL, without a terminator when it is full.
    private static byte[] Id(string serial)
    {
        byte[] id = new byte[IdLength];
        byte[] ascii = Encoding.ASCII.GetBytes(serial);
        ascii.AsSpan(0, Math.Min(ascii.Length, IdLength)).CopyTo(id);
        return id;
    }
}
